/** What a guest computes must not cost the engine its memory, show its files, or change how it works. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { printedByGuest } from '../../helpers/node-guest.ts';
import { engineCommand } from '../../../src/sandbox/engine-binary.ts';

const read = (name: string): Promise<string> =>
  readFile(new URL(`programs/${name}`, import.meta.url), 'utf8');

const NO_MEMORY = { name: 'RangeError', code: 'ERR_MEMORY_ALLOCATION_FAILED' };
const OUT_OF_RANGE = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };
const NOT_ACCEPTABLE = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
const NOT_STARTED = { code: 'ERR_ZLIB_INITIALIZATION_FAILED' };

it('refuses what would take the memory, the files or the settings of the engine, and works on', async () => {
  await using app = await writeAppDirectory({
    'limit-cases.cjs': await read('limit-cases.cjs'),
    'cases.cjs': await read('cases.cjs'),
    'keys.json': {},
    'inputs.json': '[]',
  });
  const printed = await printedByGuest({ directory: app.path, script: 'limit-cases.cjs' });
  expect(JSON.parse(printed)).toMatchObject({
    'scrypt beyond its memory': NO_MEMORY,
    'argon2 beyond its memory': NO_MEMORY,
    'scrypt beyond its memory, later': NO_MEMORY,
    'as much as there is, often': true,
    'a digest of gigabytes': OUT_OF_RANGE,
    'a one-shot digest of gigabytes': OUT_OF_RANGE,
    'a key of gigabytes': OUT_OF_RANGE,
    'a secret key of gigabytes': OUT_OF_RANGE,
    'a huge modulus': OUT_OF_RANGE,
    'a huge prime': OUT_OF_RANGE,
    "a file of the engine's": NOT_ACCEPTABLE,
    "a key of one of the engine's stores": NOT_ACCEPTABLE,
    'an engine of OpenSSL': { code: 'ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED' },
    FIPS: { name: 'Error', message: 'There is no FIPS mode in a sandbox of wasmrun' },
    'brotli of a gigabyte': NOT_STARTED,
    'brotli of a gigabyte back': NOT_STARTED,
    'zstd in threads': NOT_STARTED,
    'zstd of gigabytes': NO_MEMORY,
    'zstd of all memory': NO_MEMORY,
    'zstd windows that fill': { code: expect.stringMatching(/MEM/) as string },
    'many ciphers': true,
    'many large keys': true,
    'many compressors': true,
    'too many keys': NO_MEMORY,
    'too many contexts of TLS': NO_MEMORY,
    'still works': ['86f7e437faa5a7fce15d1ddcb9eaeaea377667b8', 'Buffer 61'],
  });
});

const EVERYTHING = fileURLToPath(new URL('programs/call-everything.ts', import.meta.url));

// Node's bindings end the process, or worse, when they are given something they do not expect.
it.each([1, 2, 3])('goes on whatever is asked of its crypto (seed %d)', async (seed) => {
  const { file, args } = engineCommand();
  const run = promisify(execFile)(file, [...args.slice(0, -1), EVERYTHING, String(seed), '20000']);
  await expect(run).resolves.toMatchObject({ stdout: 'still there\n' });
});
