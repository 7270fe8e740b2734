/**
 * Calls all that a guest can reach of the engine's crypto with arguments its signatures let through, and as many that
 * they do not: whatever comes, the engine must go on. Arguments: seed, number of calls.
 */
import { CLASSES, FUNCTIONS, JOBS } from '../../../../runtimes/nodejs/engine/crypto-signatures.ts';
import { nativeFunctions } from '../../../../runtimes/nodejs/engine/native-functions.ts';
import type { Crossing } from '../../../../runtimes/nodejs/engine/values.ts';

type Call = (...values: Crossing[]) => Crossing;

const [seed, count] = process.argv.slice(2).map(Number) as [number, number];
const functions = nativeFunctions({
  hold: () => ({ [Symbol.dispose]: () => undefined }),
  done: () => undefined,
  askTls: () => undefined,
  tellTls: () => undefined,
  requestHostTurn: () => undefined,
}) as unknown as Record<string, Call>;

/** Lehmer's generator: a run can be had again. */
let state = seed + 1;
const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;

const NAMES = (
  'sha256 SHA1 md5 shake128 aes-128-cbc aes-256-gcm aes-128-ccm chacha20-poly1305 id-aes128-wrap P-256 secp384r1 ' +
  'modp14 hmac cmac kmac-128 gmac poly1305 siphash ed25519 X25519 ML-KEM-512 rsa ec hex base64 utf8 CS1 GB nothing'
).split(' ');
const JWKS = [
  '{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}',
  '{"kty":"oct","k":"AAAA"}',
  '{"kty":"RSA","n":"AQAB","e":"AQAB"}',
  '{"kty":"OKP","crv":"Ed25519","x":"AAAA"}',
  '{"kty":"EC","crv":{},"x":[],"y":null}',
  '{"uri":"file:///etc/passwd"}',
];
const NUMBERS = [0, 1, 2, 3, 4, 6, 8, 12, 16, 32, 100, 256, 512, -1, -2, 0.5, 2 ** 31, 2 ** 32];
const LENGTHS = [0, 1, 8, 12, 16, 32, 64, 1000];
/** They take seconds with some arguments. */
const SLOW = /Dsa|Dh|Rsa|CheckPrime|Scrypt|Argon|Named|DiffieHellman/;
/** Without end where there is no such prime, in Node too. */
const ENDLESS = 'RandomPrimeJob';

const numbers: { className: string; number: number }[] = [];
const handle = (): number => (numbers.length === 0 ? 0 : pick(numbers).number);
const bytes = (): Uint8Array => Buffer.alloc(pick(LENGTHS), 7);
const anything = (): Crossing =>
  pick([undefined, null, true, handle(), pick(NUMBERS), pick(NAMES), pick(JWKS), bytes()]);

const keyParts = (): Crossing[] =>
  pick<() => Crossing[]>([
    () => [handle(), undefined, undefined, undefined, undefined],
    () => [pick(JWKS), 2, undefined, undefined, undefined],
    () => [
      bytes(),
      pick([0, 1, 3, 4, 5, 6]),
      pick([undefined, 0, 1, 2, 3, ...NAMES]),
      undefined,
      pick(NAMES),
    ],
  ])();
const encodingParts = (): Crossing[] => [
  ...pick<Crossing[]>([
    [undefined, undefined],
    [0, 2],
    [1, 2],
    [2, undefined],
    [3, 4],
    [4, undefined],
  ]),
  ...pick<Crossing[]>([
    [undefined, undefined],
    [0, 1],
    [1, 1],
    [1, 3],
    [2, undefined],
    [5, undefined],
  ]),
  ...pick<Crossing[]>([
    [undefined, undefined],
    ['aes-128-cbc', bytes()],
    ['nothing', bytes()],
  ]),
];

const valuesOf = (word: string): Crossing[] => {
  if (random() < 0.02) return [anything()];
  if (word.endsWith('?')) return random() < 0.4 ? [undefined] : valuesOf(word.slice(0, -1));
  const kind = pick(word.split('|'));
  const [, low, high] = /^(\d+)-(\d+)$/.exec(kind) ?? [];
  if (low !== undefined) return [Number(low) + Math.floor(random() * (Number(high) - Number(low) + 1))];
  if (kind.startsWith("'")) return [kind.slice(1, -1)];
  switch (kind) {
    case 'text':
      return [pick(NAMES)];
    case 'boolean':
      return [random() < 0.5];
    case 'none':
      return [undefined];
    case 'null':
      return [null];
    case '-1':
      return [-1];
    case 'bytes':
      return [bytes()];
    case 'data':
      return [pick<Crossing>([bytes(), 'text'])];
    case 'secret':
      return [pick<Crossing>([bytes(), handle()])];
    case 'KEY':
    case 'PRIVATE':
      return keyParts();
    case 'ENCODING':
      return encodingParts();
    case 'JWK':
      return [pick(JWKS), 2, null, null];
    default:
      return [kind.endsWith('Key') || kind.startsWith('<') ? handle() : pick(NUMBERS)];
  }
};
const valuesFor = (signatures: readonly string[]): Crossing[] => {
  const signature = pick(signatures);
  return signature === '' ? [] : signature.split(' ').flatMap((word) => valuesOf(word));
};

const isFast = ([name]: [string, ...unknown[]]): boolean =>
  name !== ENDLESS && (!SLOW.test(name) || random() < 0.02);
const calls: (() => void)[] = [
  () => {
    const [name, signatures] = pick(Object.entries(FUNCTIONS));
    functions['cryptoCall']!(name, ...valuesFor(signatures));
  },
  () => {
    const [name, { made }] = pick(Object.entries(CLASSES).filter(isFast));
    const answer = functions['cryptoMake']!(name, ...valuesFor(made)) as readonly Crossing[];
    if (answer[0] === 'list') numbers.push({ className: name, number: answer[1] as number });
    if (numbers.length > 100) functions['freeNative']!(numbers.shift()!.number);
  },
  () => {
    const { className, number } = numbers.length === 0 ? { className: 'Hash', number: 0 } : pick(numbers);
    const [name, signatures] = pick(Object.entries(CLASSES[className]!.methods));
    functions['cryptoMethod']!(number, name, ...valuesFor(signatures));
  },
  () => {
    const [name, signatures] = pick(Object.entries(JOBS).filter(isFast));
    functions['cryptoJob']!(name, ...valuesFor(signatures));
  },
];

for (let call = 0; call < count; call += 1) pick(calls)();
process.stdout.write('still there\n');
