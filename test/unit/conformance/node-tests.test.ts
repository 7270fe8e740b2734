import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Ending } from '../../../scripts/conformance/bounded-run.ts';
import { readOutcome } from '../../../scripts/conformance/express-tests.ts';
import { findTests, judge, programOf } from '../../../scripts/conformance/node-tests.ts';

const ending = (output: string, status: number | null = 1): Ending => ({
  status,
  signal: status === null ? 'SIGSEGV' : null,
  isTimedOut: false,
  output,
});

describe("Node's own tests", () => {
  it('are grouped by name, and excluded by the flags they ask for', async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-test-'));
    const parallel = join(directory.path, 'test', 'parallel');
    mkdirSync(parallel, { recursive: true });
    for (const [file, source] of Object.entries({
      'test-http-a.js': '// Flags: --insecure-http-parser --no-warnings\n',
      'test-https-b.mjs': '',
      'test-http2-c.js': '',
      'test-net-d.js': "'use strict';\n// Flags: --no-warnings --expose_gc\n",
      'test-fs-e.js': '',
      'test-url-f.json': '',
    }))
      writeFileSync(join(parallel, file), source);

    const tests = findTests(directory.path);
    expect(tests).toMatchObject([
      { file: 'test-http-a.js', group: 'http', flags: ['--insecure-http-parser', '--no-warnings'] },
      { file: 'test-https-b.mjs', group: 'http', flags: [] },
      { file: 'test-net-d.js', group: 'net', exclusion: expect.stringContaining('garbage collector') },
    ]);
    expect(tests[0]).not.toHaveProperty('exclusion');
    const program = programOf(directory.path, tests[0]!, '7');
    expect(program.module).toBe('test/parallel/test-http-a.js');
    expect(program.flags).toEqual(expect.arrayContaining(['--insecure-http-parser', '--no-warnings']));
  });

  it('pass by their status, unless they say that they skip themselves', () => {
    expect(judge(ending('Error: caught and printed\n', 0))).toEqual({ verdict: 'pass' });
    expect(judge(ending('1..0 # Skipped: no IPv6 support\n', 0))).toEqual({ verdict: 'skip' });
    expect(judge(ending('1..0 # Skipped: no IPv6 support\n', 1)).verdict).toBe('fail');
    expect(judge({ ...ending('', 0), isTimedOut: true })).toEqual({
      verdict: 'fail',
      complaint: 'does not end',
    });
  });

  it.each([
    [
      'an assertion with what it compared, without what differs from run to run',
      '/tmp/x/test.js:3\nassert\n^\n\nAssertionError [ERR_ASSERTION]: Expected values to be strictly equal:\n\n1 !== 2\n\n    at x\n',
      'AssertionError [ERR_ASSERTION]: Expected values to be strictly equal: 1 !== 2',
    ],
    ['a port', 'Error: connect ECONNREFUSED 127.0.0.1:38211\n', 'Error: connect ECONNREFUSED 127.0.0.1:PORT'],
    ['a path', "Error: Cannot find module '/tmp/x/common'\n", "Error: Cannot find module '…/common'"],
    [
      'a rejection behind where it was thrown',
      'node:internal/process/promises:394\n  triggerUncaughtException(err, true);\n  ^\n\n[AbortError: stopped]\n',
      '[AbortError: stopped]',
    ],
    [
      'calls that were missed',
      'Mismatched <anonymous> function calls. Expected exactly 1, actual 0.\n    at x\n',
      'Mismatched <anonymous> function calls. Expected exactly 1, actual 0.',
    ],
    ['what wasmrun says', 'hm\nerror: no such app\n', 'error: no such app'],
    ['whatever comes first', '(node:1) Warning: x\nsomething\n', 'something'],
    ['nothing', '', 'ends with status 1'],
  ])('complain by %s', (_, output, complaint) => {
    expect(judge(ending(output))).toEqual({ verdict: 'fail', complaint });
  });

  it('that are killed complain by the signal', () => {
    expect(judge(ending('', null)).complaint).toBe('ends with SIGSEGV');
  });
});

describe("the runner of Express's tests", () => {
  const line = (test: string, verdict: string): string => JSON.stringify({ test, verdict });

  it('tells each test, also those that share a title', () => {
    const lines = [
      line('a', 'pass'),
      '{not mine',
      'a log',
      line('a', 'fail'),
      line('b', 'skip'),
      '{"end":true}',
      '',
    ];
    const { tests, isComplete } = readOutcome(lines.join('\n'));
    expect([...tests].map(([title, { verdict }]) => [title, verdict])).toEqual([
      ['a', 'pass'],
      ['a (2)', 'fail'],
      ['b', 'skip'],
    ]);
    expect(isComplete).toBe(true);
  });

  it('is known to have been cut off', () => {
    const { tests, isComplete } = readOutcome(`${line('a', 'pass')}\n{"test":"b","ver`);
    expect([...tests.keys()]).toEqual(['a']);
    expect(isComplete).toBe(false);
  });
});
