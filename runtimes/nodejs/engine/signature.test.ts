import { describe, expect, it } from 'vitest';
import { CLASSES, FUNCTIONS, JOBS } from './crypto-signatures.ts';
import { NativeObjects } from './native-objects.ts';
import { Signature } from './signature.ts';
import type { Crossing } from './values.ts';

const objects = new NativeObjects(1 << 20);
const SECRET = objects.add('KeyObjectHandle', { getKeyType: () => 0 });
const PRIVATE = objects.add('KeyObjectHandle', { getKeyType: () => 2 });
const HASH = objects.add('Hash', {});

const bytes = new Uint8Array([1, 2, 3]);
const accepts = (signature: string, ...values: Crossing[]): boolean =>
  new Signature(signature).convert(values, objects) !== undefined;

describe('a signature', () => {
  it.each<[signature: string, given: Crossing[]]>([
    ['', []],
    ['text', ['a']],
    ['data data', ['a', bytes]],
    ['int uint', [-(2 ** 31), 2 ** 32 - 1]],
    ['0-2', [2]],
    ['size', [64 << 20]],
    ['text bytes?', ['a']],
    ['text bytes?', ['a', undefined]],
    ['text bytes? int', ['a', undefined, 5]],
    ['text|null?', [null]],
    ["'a'|'b'", ['b']],
    ['text|<Hash>', [HASH]],
    ['secret', [SECRET]],
    ['secret', [bytes]],
    ['KEY', [PRIVATE, undefined, null, undefined, null]],
    ['KEY', [bytes, 1, undefined, bytes, undefined]],
    ['KEY', [bytes, 0, 1, undefined, undefined]],
    ['KEY', [bytes, 3, 'ec', undefined, 'prime256v1']],
    ['KEY', ['{"kty":"EC"}', 2, undefined, undefined, undefined]],
    ['JWK', ['{"kty":"oct"}', 2, null, null]],
    ['ENCODING', [0, 2, 1, 1, 'aes-128-cbc', bytes]],
    ['bytes3', [bytes]],
    ['compression', [0x0102_0303]],
    ['compression', [0x0201]],
  ])('%s takes %j', (signature, given) => {
    expect(accepts(signature, ...given)).toBe(true);
  });

  it.each<[signature: string, given: Crossing[]]>([
    ['', [undefined]],
    ['text', []],
    ['text', [5]],
    ['int', [2 ** 31]],
    ['int', [0.5]],
    ['int', [Number.NaN]],
    ['uint', [-1]],
    ['0-2', [3]],
    ['text bytes? int', ['a', undefined]],
    ['text?', [null]],
    ["'a'|'b'", ['c']],
    ['text|<Hash>', [SECRET]],
    ['<Hash>', [999]],
    ['secret', [PRIVATE]],
    ['secret', [HASH]],
    // A file of the engine: format 6 is a store's.
    ['KEY', [bytes, 6, undefined, undefined, undefined]],
    ['KEY', ['{"uri":"file:///etc/shadow"}', 6, undefined, undefined, undefined]],
    ['KEY', [HASH, undefined, undefined, undefined, undefined]],
    ['KEY', [PRIVATE, 1, undefined, undefined, undefined]],
    ['KEY', [bytes, 2, undefined, undefined, undefined]],
    ['KEY', [bytes, 0, undefined, undefined, undefined]],
    ['KEY', [bytes, 3, 1, undefined, undefined]],
    ['KEY', ['not JSON', 2, undefined, undefined, undefined]],
    ['KEY', ['5', 2, undefined, undefined, undefined]],
    ['KEY', [bytes, 1, undefined, 'text', undefined]],
    ['ENCODING', [6, 2, 1, 1, undefined, undefined]],
    ['bytes48', [bytes]],
    ['bytes48', ['text']],
    // None, four, one twice, one unknown, one more than is counted.
    ['compression', [0]],
    ['compression', [0x0102_0304]],
    ['compression', [0x01_01_02]],
    ['compression', [0x04_01]],
    ['compression', [0x02_01_01]],
  ])('%s refuses %j', (signature, given) => {
    expect(accepts(signature, ...given)).toBe(false);
  });

  it.each(['size', 'modulus'])('says of %s what is too much', (kind) => {
    expect(() => accepts(kind, 2 ** 31)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  });
});

describe('the signatures of crypto', () => {
  it('are well-formed, every one', () => {
    const all = [
      ...Object.values(FUNCTIONS),
      ...Object.values(JOBS),
      ...Object.values(CLASSES).flatMap(({ made, methods }) => [made, ...Object.values(methods)]),
    ].flat();
    expect(all.length).toBeGreaterThan(100);
    for (const text of all) expect(() => new Signature(text)).not.toThrow();
  });
});
