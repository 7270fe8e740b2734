'use strict';
/** Prints what a script finds out, one line of JSON each: the same in Node itself and in a guest, if all is well. */

const failureOf = ({ name, message, code, errno, syscall, path, dest }) => ({
  failed: { name, message, code, errno, syscall, path, dest },
});

const plain = (value) => {
  if (value instanceof Error) return failureOf(value);
  if (Buffer.isBuffer(value)) return { buffer: value.toString('latin1') };
  if (ArrayBuffer.isView(value)) return { bytes: [...value] };
  if (typeof value === 'bigint') return { bigint: String(value) };
  if (value === undefined) return { undefined: true };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null && value.constructor?.name === 'Dirent') {
    return { name: plain(value.name), parentPath: plain(value.parentPath), kind: kindOf(value) };
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
  }
  return value;
};

const kindOf = (entry) =>
  ['File', 'Directory', 'SymbolicLink', 'FIFO', 'Socket', 'CharacterDevice', 'BlockDevice'].filter((kind) =>
    entry[`is${kind}`](),
  );

/** Prints a value under a name. */
const tell = (name, value) => console.log(JSON.stringify([name, plain(value)]));

/** Prints what a function returns, or throws. */
const attempt = (name, action) => {
  try {
    tell(name, action());
  } catch (error) {
    tell(name, error);
  }
};

/** The same for what a promise settles to. */
const attemptLater = async (name, action) => {
  try {
    tell(name, await action());
  } catch (error) {
    tell(name, error);
  }
};

/** What is told of a file and is the same for two of them. */
const statusOf = (stats) => ({
  kind: kindOf(stats),
  mode: stats.mode.toString(8),
  nlink: Number(stats.nlink),
  size: stats.isDirectory() ? 'a directory' : Number(stats.size),
  rdev: Number(stats.rdev),
  types: Object.keys(stats).map((key) => [key, typeof stats[key]]),
  isRecent: Math.abs(Date.now() - Number(stats.mtimeMs)) < 60_000,
});

module.exports = { tell, attempt, attemptLater, statusOf, kindOf };
