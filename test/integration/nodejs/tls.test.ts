/** TLS of a guest: what programs find of it is as in Node itself, and nothing they ask for ends the engine. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { engineCommand } from '../../../src/sandbox/engine-binary.ts';
import { makeCertificates } from '../../helpers/certificates.ts';
import { printedByGuest } from '../../helpers/node-guest.ts';

const directory = fileURLToPath(new URL('scripts', import.meta.url));
const certificates = makeCertificates();
afterAll(() => certificates[Symbol.dispose]());

const CERTIFICATES = certificates.directory;

const printedByNode = async (script: string): Promise<string> => {
  const options = { cwd: directory, env: { CERTIFICATES } };
  const { stdout } = await promisify(execFile)(process.execPath, [join(directory, script)], options);
  // The thread, which a guest is not to know.
  return stdout.replace(/"[0-9A-F]+:error:/g, '"0:error:');
};

test.for(['tls.cjs', 'https.cjs'])('%s prints the same in the guest', async (script) => {
  const [native, guest] = await Promise.all([
    printedByNode(script),
    printedByGuest({
      directory,
      script,
      readOnly: true,
      env: { CERTIFICATES },
      directories: [{ hostPath: CERTIFICATES, guestPath: CERTIFICATES, readOnly: true }],
    }),
  ]);
  expect(guest.split('\n')).toEqual(native.split('\n'));
  expect(native.split('\n').length).toBeGreaterThan(10);
});

test('fetch asks by HTTP/1 where the server would rather speak HTTP/2', async () => {
  const printed = await printedByGuest({
    directory,
    script: 'fetch-without-http2.cjs',
    readOnly: true,
    env: { CERTIFICATES },
    directories: [{ hostPath: CERTIFICATES, guestPath: CERTIFICATES, readOnly: true }],
  });
  expect(printed).toBe('["protocol","http/1.1"]\n["answer",[200,"hi"]]\n');
});

const CALLS = fileURLToPath(new URL('programs/call-tls.ts', import.meta.url));

// TLSWrap ends the process, or worse, when it is asked something at the wrong time.
test.each([1, 2, 3])('the engine goes on whatever is asked of its TLS (seed %d)', async (seed) => {
  const { file, args } = engineCommand();
  const { stdout } = await promisify(execFile)(file, [
    ...args.slice(0, -1),
    CALLS,
    String(seed),
    '4000',
    CERTIFICATES,
  ]);
  const { exchanged, seen } = JSON.parse(stdout) as { exchanged: number; seen: Record<string, number> };
  expect(exchanged).toBeGreaterThan(1_000_000);
  for (const event of ['onhandshakedone', 'onclienthello', 'oncertcb', 'onnewsession', 'onerror', 'written'])
    expect(seen[event], event).toBeGreaterThan(5);
});
