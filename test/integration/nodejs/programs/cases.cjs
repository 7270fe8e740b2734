'use strict';
/**
 * Runs cases one after the other and prints what each gave, as one JSON document. Used by the programs beside it, with
 * what they work on.
 */
exports.keys = require('./keys.json');
exports.inputs = require('./inputs.json').map((each) => Buffer.from(each, 'base64'));
exports.text = 'Fünf Boxkämpfer jagen Eva quer durch Sylt — 🦊';
exports.data = Buffer.from(exports.text);

/** What a function with a callback gives. */
exports.later = (action) =>
  new Promise((resolve, reject) => {
    action((error, value) => (error ? reject(error) : resolve(value)));
  });

const shown = (value, depth = 0) => {
  if (value === undefined) return 'undefined';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value))
    return `${value.constructor.name} ${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer ${Buffer.from(value).toString('hex')}`;
  if (value instanceof Error || value instanceof DOMException) return thrown(value, depth);
  if (value instanceof Date) return `Date ${value.toISOString()}`;
  if (depth > 4) return '…';
  if (Array.isArray(value)) return value.map((each) => shown(each, depth + 1));
  return Object.fromEntries(Object.keys(value).map((key) => [key, shown(value[key], depth + 1)]));
};

/** All of an error but where it was thrown. */
const thrown = (error, depth = 0) => ({
  thrown: error?.constructor?.name,
  name: error.name,
  message: error.message,
  ...Object.fromEntries(Object.keys(error).map((key) => [key, shown(error[key], depth + 1)])),
  ...(error.cause === undefined ? {} : { cause: shown(error.cause, depth + 1) }),
});

exports.run = async (cases) => {
  const results = {};
  for (const [name, action] of Object.entries(cases)) {
    try {
      results[name] = shown(await action());
    } catch (error) {
      results[name] = thrown(error);
    }
  }
  process.stdout.write(`${JSON.stringify(results)}\n`);
};
