import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogCursor } from '../../../src/sandbox/log-cursor.ts';
import type { LogEntry, LogStream } from '../../../src/sandbox/log-entry.ts';
import { logNumbers, removeLog } from '../../../src/sandbox/log-files.ts';
import { readLog } from '../../../src/sandbox/log-reader.ts';
import { LogWriter } from '../../../src/sandbox/log-writer.ts';
import { eventually } from '../../helpers/cli.ts';
import { LogFixture, out, read, texts } from './log-fixture.ts';

const PROGRAM = fileURLToPath(new URL('log-program.ts', import.meta.url));
const STREAMS: readonly LogStream[] = ['stdout', 'stderr', 'wasmrun'];

test('following begins before there is a log, and ends when it is taken away', async () => {
  using fixture = new LogFixture();
  const followed: string[] = [];
  const following = (async () => {
    for await (const { text } of readLog(fixture.directory, { follow: true })) followed.push(text);
  })();
  await sleep(20);
  using writer = new LogWriter(fixture.directory);
  writer.append(out('one\n'));
  expect(await eventually(() => followed.length === 1)).toBe(true);
  writer.append(out('two\n'));
  expect(await eventually(() => followed.length === 2)).toBe(true);
  removeLog(fixture.directory);
  await following;
  expect(followed).toEqual(['one\n', 'two\n']);
  expect(existsSync(join(fixture.directory, '..'))).toBe(false);
});

test('what is written between the end of a file and the look for the next one is not passed over', async () => {
  using fixture = new LogFixture();
  using writer = new LogWriter(fixture.directory, { fileBytes: 200, files: 3 });
  writer.append(out('one\n'));
  await using cursor = new LogCursor(fixture.directory);
  expect(await Array.fromAsync(cursor.entries())).toEqual([out('one\n')]);
  const rest = Array.fromAsync(cursor.entries());
  // Keeps this thread from going on while another one reads that there is nothing more.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  writer.append(out('two\n'));
  writer.append(out(`${'three'.repeat(30)}\n`));
  expect(logNumbers(fixture.directory)).toEqual([1, 2]);
  const found = [...(await rest), ...(await Array.fromAsync(cursor.entries()))];
  expect(found.map(({ text }) => text)).toEqual(['two\n', `${'three'.repeat(30)}\n`]);
});

test('a signal ends the following, at once and without an error', async () => {
  using fixture = new LogFixture();
  using writer = new LogWriter(fixture.directory);
  writer.append(out('one\n'));
  expect(await texts(fixture.directory, { follow: true, signal: AbortSignal.abort() })).toEqual([]);
  const ending = new AbortController();
  const entries = readLog(fixture.directory, { follow: true, tail: 0, signal: ending.signal });
  const next = entries.next();
  await sleep(20);
  ending.abort();
  expect(await next).toEqual({ done: true, value: undefined });
});

test('readers leave no descriptor open', async () => {
  using fixture = new LogFixture();
  using writer = new LogWriter(fixture.directory);
  writer.append(out('one\n'));
  const count = (): number => readdirSync('/proc/self/fd').length;
  const before = count();
  for (let times = 0; times < 20; times++) {
    const entries = readLog(fixture.directory, { follow: true });
    await entries.next();
    await entries.return();
  }
  expect(count()).toBeLessThanOrEqual(before + 1);
});

/** What a guest writes: pieces of lines of any length, in any order. */
const chunk = fc.record({
  stream: fc.constantFrom(...STREAMS),
  text: fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.array(fc.string({ maxLength: 10 }), { maxLength: 8 }).map((lines) => lines.join('\n')),
    fc.nat(3000).map((length) => 'x'.repeat(length)),
  ),
  pause: fc.constantFrom('none', 'turn', 'sleep'),
});

test('who follows reads everything once and in order, over all files', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(chunk, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 3000 }),
      async (chunks, fileBytes) => {
        using fixture = new LogFixture();
        using writer = new LogWriter(fixture.directory, { fileBytes, files: 10_000 });
        const ending = new AbortController();
        const read: LogEntry[] = [];
        const following = (async () => {
          for await (const entry of readLog(fixture.directory, { follow: true, signal: ending.signal })) {
            read.push(entry);
            if (entry.text === 'the end\n') ending.abort();
          }
        })();
        let time = 0;
        const written = new Map<LogStream, string>();
        for (const { stream, text, pause } of [
          ...chunks,
          { stream: 'wasmrun', text: 'the end\n' } as const,
        ].map((entry) => ({ pause: 'none', ...entry }))) {
          writer.append({ time: time++, stream, text });
          written.set(stream, (written.get(stream) ?? '') + text);
          if (pause === 'turn') await turn();
          if (pause === 'sleep') await sleep(2);
        }
        await following;
        for (const [stream, text] of written)
          expect(read.flatMap((entry) => (entry.stream === stream ? [entry.text] : [])).join('')).toBe(text);
        expect(read.map((entry) => entry.time)).toEqual(
          read.map((entry) => entry.time).sort((a, b) => a - b),
        );
        expect(await texts(fixture.directory)).toEqual(read.map(({ text }) => text));
      },
    ),
    { numRuns: 100 },
  );
});

/** Runs a writer to its end, or kills it; returns the numbers that it said it had written. */
const write = async (
  directory: string,
  limits: { fileBytes: number; files: number },
  { first = 0, count = 0, killAfterMs = 0 },
): Promise<number[]> => {
  const args = [first, limits.fileBytes, limits.files, count].map(String);
  const child = spawn(process.execPath, [PROGRAM, directory, ...args]);
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const closed = once(child, 'close');
  if (count === 0) {
    await once(child.stdout, 'data');
    await sleep(killAfterMs);
    child.kill('SIGKILL');
  }
  await closed;
  return stdout.split('\n').slice(0, -1).map(Number);
};

const numberOf = ({ text }: LogEntry): number => Number.parseInt(text, 10);

test('a reader follows another process through hundreds of files', async () => {
  using fixture = new LogFixture();
  const ending = new AbortController();
  const numbers: number[] = [];
  const following = (async () => {
    for await (const entry of readLog(fixture.directory, { follow: true, signal: ending.signal })) {
      numbers.push(numberOf(entry));
      if (numbers.length === 5000) ending.abort();
    }
  })();
  await write(fixture.directory, { fileBytes: 2000, files: 10_000 }, { count: 5000 });
  await following;
  expect(numbers).toEqual([...Array(5000).keys()]);
  expect(logNumbers(fixture.directory).length).toBeGreaterThan(100);
});

test('one whose files are taken away under it misses those, but reads nothing twice', async () => {
  using fixture = new LogFixture();
  const ending = new AbortController();
  const numbers: number[] = [];
  const following = (async () => {
    for await (const entry of readLog(fixture.directory, { follow: true, signal: ending.signal })) {
      numbers.push(numberOf(entry));
      if (numbers.at(-1) === 4999) ending.abort();
    }
  })();
  await write(fixture.directory, { fileBytes: 1000, files: 2 }, { count: 5000 });
  await following;
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect(logNumbers(fixture.directory)).toHaveLength(2);
});

test('a kill at any moment loses nothing that was appended', { timeout: 120_000 }, async () => {
  using fixture = new LogFixture();
  const appended: number[] = [];
  let first = 0;
  for (let kills = 0; kills < 10; kills++) {
    const limits = { fileBytes: 3000, files: 100_000 };
    const numbers = await write(fixture.directory, limits, { first, killAfterMs: Math.random() * 20 });
    appended.push(...numbers);
    // One more may have been written, but not been told of.
    first = numbers.at(-1)! + 2;
  }
  const found = (await read(fixture.directory)).map(numberOf);
  const isAppended = new Set(appended);
  expect(found.filter((number) => isAppended.has(number))).toEqual(appended);
  expect(found.length - appended.length).toBeLessThanOrEqual(10);
});
