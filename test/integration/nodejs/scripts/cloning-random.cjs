'use strict';
/** Random values, the same in every run: what V8 writes of them, what is read back, and what broken bytes come to. */
const v8 = require('node:v8');
const { inspect } = require('node:util');

/** A linear congruential generator (Numerical Recipes). */
let state = 12_345;
const random = (below) => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

const text = () =>
  Array.from({ length: random(12) }, () =>
    String.fromCodePoint([random(128), random(256), random(0xd800), 0x1_f600 + random(64)][random(4)]),
  ).join('');

const list = (depth) => Array.from({ length: random(5) }, () => value(depth - 1));
const leaves = [
  () => undefined,
  () => null,
  () => random(2) === 1,
  () => random(200) - 100,
  // V8 writes numbers by how it happens to keep them: whole ones that were computed would differ.
  () => random(2 ** 32) * 2 ** random(20) + 0.5,
  () => random(1000) / 7,
  () => BigInt(random(2 ** 32)) ** BigInt(random(6)) * (random(2) === 1 ? 1n : -1n),
  text,
  () => new Date(random(2 ** 32) * 100),
  () => new RegExp(['a', 'b+', '[c-e]'][random(3)], ['', 'g', 'giu', 'dsy', 'v'][random(5)]),
  () => Object(random(100)),
  () => Object(text()),
  () => Buffer.from(text()),
  () => new Float64Array([random(100) / 3, random(100)]),
  () => new Int16Array([random(100)]).subarray(random(2)),
  () => new Uint8Array([1, 2, 3]).buffer,
];
const branches = [
  list,
  (depth) => Object.fromEntries(list(depth).map((each) => [random(3) === 0 ? random(20) : text(), each])),
  (depth) => new Map(list(depth).map((each) => [value(0), each])),
  (depth) => new Set(list(depth)),
  (depth) => {
    const shared = value(depth - 1);
    return { shared, again: [shared] };
  },
];
const value = (depth) =>
  depth > 0 && random(3) > 0 ? branches[random(branches.length)](depth) : leaves[random(leaves.length)]();

const shown = (action) => {
  try {
    return inspect(action(), { depth: 9, breakLength: Infinity });
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

for (let count = 0; count < 200; count += 1) {
  const given = value(4);
  const bytes = v8.serialize(given);
  console.log(bytes.toString('hex'));
  console.log(
    shown(() => structuredClone(given)) === shown(() => v8.deserialize(bytes)) ||
      shown(() => structuredClone(given)),
  );
  const broken = Buffer.from(bytes);
  broken[2 + random(broken.length - 2)] = random(256);
  // Some of it is still a value; that it is read, or refused, in the same way is all that matters.
  console.log(shown(() => v8.deserialize(broken.subarray(0, 2 + random(broken.length)))));
}
