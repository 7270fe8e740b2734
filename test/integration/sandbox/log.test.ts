import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { logNumbers, logPath } from '../../../src/sandbox/log-files.ts';
import { LogWriter } from '../../../src/sandbox/log-writer.ts';
import { LogFixture, out, read, texts } from './log-fixture.ts';

test('lines are entries, and what has no newline yet is one, too', async () => {
  using fixture = new LogFixture();
  using writer = new LogWriter(fixture.directory);
  writer.append({ time: 1, stream: 'stdout', text: 'one\n\ntwo\r\nName: ' });
  writer.append({ time: 2, stream: 'stderr', text: 'no\n' });
  writer.append({ time: 3, stream: 'stdout', text: '' });
  writer.append({ time: 4, stream: 'stdout', text: 'ü\u{1F980}\0\u2028\ud800\n' });
  expect(await read(fixture.directory)).toEqual([
    { time: 1, stream: 'stdout', text: 'one\n' },
    { time: 1, stream: 'stdout', text: '\n' },
    { time: 1, stream: 'stdout', text: 'two\r\n' },
    { time: 1, stream: 'stdout', text: 'Name: ' },
    { time: 2, stream: 'stderr', text: 'no\n' },
    { time: 4, stream: 'stdout', text: 'ü\u{1F980}\0\u2028\ud800\n' },
  ]);
});

test('a file is as Docker writes it, and nobody else may read it', () => {
  using fixture = new LogFixture();
  using writer = new LogWriter(fixture.directory);
  writer.append({ time: Date.UTC(2026, 2, 1), stream: 'stderr', text: 'hello\n' });
  const path = logPath(fixture.directory, 1);
  expect(readFileSync(path, 'utf8')).toBe(
    '{"log":"hello\\n","stream":"stderr","time":"2026-03-01T00:00:00.000Z"}\n',
  );
  expect([statSync(path).mode & 0o777, statSync(fixture.directory).mode & 0o777]).toEqual([0o600, 0o700]);
});

test('a log that does not exist has no entries, and reading makes none', async () => {
  using fixture = new LogFixture();
  expect(await read(fixture.directory, { tail: 3 })).toEqual([]);
  expect(existsSync(fixture.directory)).toBe(false);
});

test('only so many files of so many bytes are kept', async () => {
  using fixture = new LogFixture();
  using writer = new LogWriter(fixture.directory, { fileBytes: 500, files: 3 });
  const text = Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join('');
  writer.append(out(text));
  const numbers = logNumbers(fixture.directory);
  expect(numbers).toHaveLength(3);
  for (const number of numbers)
    expect(statSync(logPath(fixture.directory, number)).size).toBeLessThanOrEqual(500);
  // What is left are the last ones, without a gap.
  const left = (await texts(fixture.directory)).join('');
  expect(left.length).toBeGreaterThan(100);
  expect(text.endsWith(left)).toBe(true);
});

test('a line longer than a file is kept whole', async () => {
  using fixture = new LogFixture();
  using writer = new LogWriter(fixture.directory, { fileBytes: 100, files: 2 });
  const lines = ['a\n', `${'b'.repeat(5000)}\n`, 'c\n'];
  for (const line of lines) writer.append(out(line));
  expect(await texts(fixture.directory)).toEqual(lines.slice(1));
});

test('the next writer goes on where the last one stopped, also after half a line', async () => {
  using fixture = new LogFixture();
  {
    using writer = new LogWriter(fixture.directory);
    writer.append(out('one\n'));
  }
  appendFileSync(logPath(fixture.directory, 1), '{"log":"tw');
  expect(await texts(fixture.directory)).toEqual(['one\n']);
  using writer = new LogWriter(fixture.directory);
  writer.append(out('three\n'));
  expect(await texts(fixture.directory)).toEqual(['one\n', 'three\n']);
  expect(logNumbers(fixture.directory)).toEqual([1]);
});

test('what is no entry is passed over', async () => {
  using fixture = new LogFixture();
  using writer = new LogWriter(fixture.directory);
  writer.append(out('one\n'));
  const time = new Date(0).toISOString();
  const others = [
    '',
    'null',
    '[]',
    '7',
    `{"log":1,"stream":"stdout","time":"${time}"}`,
    `{"log":"x","stream":"stdin","time":"${time}"}`,
    '{"log":"x","stream":"stdout","time":"never"}',
    '\u00ff\u0000',
  ];
  appendFileSync(logPath(fixture.directory, 1), `${others.join('\n')}\n`);
  writer.append(out('two\n'));
  expect(await texts(fixture.directory)).toEqual(['one\n', 'two\n']);
});

test('since and tail choose, over all files', async () => {
  using fixture = new LogFixture();
  using writer = new LogWriter(fixture.directory, { fileBytes: 200, files: 100 });
  for (let time = 0; time < 20; time++) writer.append(out(`${time}\n`, time));
  expect(logNumbers(fixture.directory).length).toBeGreaterThan(3);
  const lines = (from: number): string[] =>
    Array.from({ length: 20 - from }, (_, index) => `${from + index}\n`);
  for (let count = 0; count <= 21; count++)
    expect(await texts(fixture.directory, { tail: count })).toEqual(lines(Math.max(20 - count, 0)));
  expect(await texts(fixture.directory, { since: 7 })).toEqual(lines(7));
  expect(await texts(fixture.directory, { since: 7, tail: 5 })).toEqual(lines(15));
  expect(await texts(fixture.directory, { since: 18, tail: 5 })).toEqual(lines(18));
});

test('a line that came in pieces is one line of a tail', async () => {
  using fixture = new LogFixture();
  using writer = new LogWriter(fixture.directory);
  for (const text of ['one\n', 'tw', 'o\n', 'thr', 'ee']) writer.append(out(text));
  writer.append({ time: 0, stream: 'stderr', text: 'err' });
  expect(await texts(fixture.directory, { tail: 1 })).toEqual(['err']);
  expect(await texts(fixture.directory, { tail: 2 })).toEqual(['thr', 'ee', 'err']);
  expect(await texts(fixture.directory, { tail: 3 })).toEqual(['tw', 'o\n', 'thr', 'ee', 'err']);
  expect(await texts(fixture.directory, { tail: 0 })).toEqual([]);
});
