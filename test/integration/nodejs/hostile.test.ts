/** Apps and clients that go for the engine: whatever they try, they see nothing of the host, and it goes on. */
import { spawn } from 'node:child_process';
import { createHash, pbkdf2Sync } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { pinnedNode } from '../../../src/os/pinned-node.ts';
import { printedByGuest, startNodeGuest } from '../../helpers/node-guest.ts';
import { HOSTILE_REQUESTS } from './hostile-requests.ts';

const directory = fileURLToPath(new URL('scripts', import.meta.url));
/** How the SHA-256 of `sound` begins: what the engine computes is right after all that. */
const SOUND = 'dd29442d';
/** Texts of hundreds of megabytes take their time. */
const PATIENCE_MS = 180_000;

const printed = async (script: string): Promise<string[]> =>
  (await printedByGuest({ directory, script, readOnly: true, memory: 512 * 1024 * 1024 }))
    .trimEnd()
    .split('\n');

test('what lies behind the library leads to nothing of the host', async () => {
  expect(await printed('hostile-bindings.cjs')).toEqual(['many objects', SOUND, '[]']);
});

test('changed prototypes and bytes that lie confuse the app alone', async () => {
  expect(await printed('hostile-objects.cjs')).toEqual([
    'some worked, some threw',
    createHash('sha256').update('textbytes').digest('hex'),
    pbkdf2Sync('password', 'salt', 10, 20, 'sha1').toString('base64'),
    '400 https://user:word@example.com:1/a?b#c AB0 2',
  ]);
});

test(
  'texts and bytes of hundreds of megabytes end in a result or an error',
  { timeout: PATIENCE_MS },
  async () => {
    const lines = await printed('huge-values.cjs');
    expect(lines.pop()).toBe(SOUND);
    expect(lines.length).toBeGreaterThan(40);
    expect(lines.filter((line) => !/ (done|refused)$/.test(line))).toEqual([]);
    expect(lines.filter((line) => line.endsWith(' refused')).length).toBeGreaterThan(20);
  },
);

/** Characters of an answer that are compared, besides its length. */
const SHORT = 500;

const answerOf = async (port: number, request: string): Promise<string> => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  // Ends its half a little later: what is not understood yet is then an error.
  socket.write(request, 'latin1', () => setTimeout(() => socket.end(), 20));
  const answer = await text(socket).catch(({ code }: NodeJS.ErrnoException) => `${code}`);
  return answer.length < SHORT ? answer : `${answer.slice(0, SHORT)} … of ${answer.length}`;
};

test('requests that no decent client sends are answered as in Node', { timeout: PATIENCE_MS }, async () => {
  const script = 'echo-headers.cjs';
  await using guest = startNodeGuest({ directory, script, readOnly: true });
  const native = spawn(pinnedNode(), [join(directory, script)], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(native.stdout, 'data')) as [Buffer];
    await guest.printed('\n');
    const ports = [line.toString(), guest.stdout()].map((said) => Number(/port (\d+)/.exec(said)![1]));
    const seen: Record<string, string>[] = [{}, {}];
    for (const [name, request] of Object.entries(HOSTILE_REQUESTS)) {
      for (const [index, port] of ports.entries()) seen[index]![name] = await answerOf(port, request);
    }
    expect(seen[1]).toEqual(seen[0]);
    const statuses = new Set(Object.values(seen[0]!).map((answer) => answer.slice(9, 12)));
    expect([...statuses].toSorted()).toEqual(expect.arrayContaining(['200', '400']));
  } finally {
    native.kill('SIGKILL');
  }
});
