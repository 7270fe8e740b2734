/**
 * Hashes, HMACs and random bytes in one call each: what servers ask for with every response (an ETag, the signature of
 * a cookie, an id), without objects that would have to be kept.
 */
import { fillRandom } from '../../../src/engine/random.ts';
import type { HostFunction } from './bridge.ts';
import { engineBinding } from './engine-binding.ts';
import { answer } from './native-answers.ts';
import type { NativeObjects } from './native-objects.ts';
import { Signature } from './signature.ts';
import type { Crossing } from './values.ts';

interface Digest {
  update(data: unknown, encoding: unknown): boolean;
  digest(encoding: unknown): unknown;
}

const binding = engineBinding('crypto') as {
  readonly Hash: new (algorithm: unknown, size: undefined, id: number, aliases: object) => Digest;
  readonly Hmac: new () => Digest & { init(algorithm: unknown, key: unknown): void };
  oneShotDigest(algorithm: unknown, id: number, aliases: object, ...values: unknown[]): unknown;
  getCachedAliases(): Record<string, number>;
};
const { encodings } = engineBinding('string_decoder') as { encodings: string[] };
const aliases = binding.getCachedAliases();
const idOf = (algorithm: unknown): number => aliases[algorithm as string] ?? -1;

const HASH = new Signature('text data text? text?');
const HMAC = new Signature('text secret data text? text?');
const ONE_SHOT = new Signature('text data text size? bytes? bytes?');

export const digestFunctions = (objects: NativeObjects): Readonly<Record<string, HostFunction>> => {
  const checked = (signature: Signature, values: readonly Crossing[]): unknown[] => {
    const given = signature.convert(values, objects);
    if (given === undefined) throw new TypeError('Arguments of a digest are not acceptable');
    return given;
  };
  return {
    hash: (...values: Crossing[]) =>
      answer(() => {
        const [algorithm, data, inputEncoding, outputEncoding] = checked(HASH, values);
        const hash = new binding.Hash(algorithm, undefined, idOf(algorithm), aliases);
        hash.update(data, inputEncoding);
        return hash.digest(outputEncoding);
      }),
    hmac: (...values: Crossing[]) =>
      answer(() => {
        const [algorithm, key, data, inputEncoding, outputEncoding] = checked(HMAC, values);
        const hmac = new binding.Hmac();
        hmac.init(algorithm, key);
        hmac.update(data, inputEncoding);
        return hmac.digest(outputEncoding);
      }),
    oneShotDigest: (...values: Crossing[]) =>
      answer(() => {
        const [algorithm, data, output, ...others] = checked(ONE_SHOT, values);
        const encoding = encodings.indexOf(output as string);
        if (encoding < 0) throw new TypeError('No such encoding');
        return binding.oneShotDigest(algorithm, idOf(algorithm), aliases, data, output, encoding, ...others);
      }),
    randomFill: (bytes: Uint8Array) => fillRandom(bytes),
  };
};
