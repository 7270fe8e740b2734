/** What the guest has the engine compute is what Node computes: the same programs in both, compared by what they print. */
import { generateKeyPairSync, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { printedByGuest, printedByNode } from '../../helpers/node-guest.ts';

const read = (name: string): Promise<string> =>
  readFile(new URL(`programs/${name}`, import.meta.url), 'utf8');

const PEM = {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
} as const;

/** Keys for both to work with. */
const makeKeys = async (): Promise<object> => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048, ...PEM });
  const dsa = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160, ...PEM });
  const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1', ...PEM });
  const ed = generateKeyPairSync('ed25519', PEM);
  const x = generateKeyPairSync('x25519', PEM);
  return {
    ...Object.fromEntries(
      Object.entries({ rsa, dsa, ec, ed, x }).flatMap(([name, { publicKey, privateKey }]) => [
        [`${name}Public`, publicKey],
        [`${name}Private`, privateKey],
      ]),
    ),
    rsaEncrypted: createPrivateKey(rsa.privateKey).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-128-cbc',
      passphrase: 'phrase',
    }),
    certificate: await read('certificate.pem'),
  };
};

const inputs = (): string[] => {
  const bytes = fc.uint8Array({ maxLength: 4000 });
  const compressible = fc
    .tuple(bytes, fc.nat({ max: 40 }))
    .map(([each, times]) => Buffer.concat(Array(times).fill(each)));
  const samples = [...fc.sample(bytes, 8), ...fc.sample(compressible, 8), Buffer.from('00d800dc', 'hex')];
  return samples.map((each) => Buffer.from(each).toString('base64'));
};

const PROGRAMS = [
  'digest-cases.cjs',
  'cipher-cases.cjs',
  'key-cases.cjs',
  'web-crypto-cases.cjs',
  'zlib-cases.cjs',
];

it.each(PROGRAMS)('%s', async (program) => {
  const files = {
    [program]: await read(program),
    'cases.cjs': await read('cases.cjs'),
    'keys.json': await makeKeys(),
    'inputs.json': JSON.stringify(inputs()),
  };
  await using app = await writeAppDirectory(files);
  const run = { directory: app.path, script: program, readOnly: true };
  const [native, guest] = await Promise.all([printedByNode(run), printedByGuest(run)]);
  const expected = JSON.parse(native) as Record<string, unknown>;
  expect(Object.keys(expected).length).toBeGreaterThan(50);
  expect(JSON.parse(guest)).toEqual(expected);
});
