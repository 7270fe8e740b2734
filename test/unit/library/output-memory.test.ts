import { expect, test } from 'vitest';
import { OutputMemory } from '../../../src/library/output-memory.ts';
import type { LogEntry } from '../../../src/sandbox/log-entry.ts';

const said = (text: string): LogEntry => ({ time: 1, stream: 'stdout', text });

const textsOf = async (memory: OutputMemory, follow: boolean, signal?: AbortSignal): Promise<string[]> =>
  (await Array.fromAsync(memory.read({ follow, signal }))).map(({ text }) => text);

test('what was written comes back line by line, as often as it is read', async () => {
  const memory = new OutputMemory();
  memory.append(said('one\ntwo\nthr'));
  memory.append(said('ee\n'));
  for (let count = 0; count < 2; count += 1)
    expect(await textsOf(memory, false)).toEqual(['one\n', 'two\n', 'thr', 'ee\n']);
  expect(memory.tail(3)).toBe('two\nthr\nee');
});

test('who follows gets what comes later, each line once, until the end', async () => {
  const memory = new OutputMemory();
  memory.append(said('before\n'));
  const readers = [textsOf(memory, true), textsOf(memory, true)];
  for (let count = 0; count < 3; count += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    memory.append(said(`${count}\n`));
  }
  memory.end();
  const all = ['before\n', '0\n', '1\n', '2\n'];
  expect(await Promise.all(readers)).toEqual([all, all]);
});

test('following ends with its signal', async () => {
  const memory = new OutputMemory();
  const aborting = new AbortController();
  const reading = textsOf(memory, true, aborting.signal);
  memory.append(said('one\n'));
  await new Promise((resolve) => setImmediate(resolve));
  aborting.abort();
  expect(await reading).toEqual(['one\n']);
  expect(await textsOf(memory, true, aborting.signal)).toEqual([]);
});

test('the last mebibyte is kept, and a slow reader goes on with what is left', async () => {
  const memory = new OutputMemory();
  const line = (number: number): string => `${String(number).padStart(1023)}\n`;
  for (let number = 0; number < 3; number += 1) memory.append(said(line(number)));
  const reader = memory.read({ follow: true, signal: undefined });
  expect((await reader.next()).value?.text).toBe(line(0));
  for (let number = 3; number < 5000; number += 1) memory.append(said(line(number)));
  const kept = await textsOf(memory, false);
  expect(kept).toHaveLength(1024);
  expect(kept.at(-1)).toBe(line(4999));
  expect((await reader.next()).value?.text).toBe(kept[0]);
  await reader.return();
});

test('a line that is longer than all that is kept is kept itself', async () => {
  const memory = new OutputMemory();
  memory.append(said('x'.repeat(2 * 1024 * 1024)));
  expect((await textsOf(memory, false))[0]).toHaveLength(2 * 1024 * 1024);
});
