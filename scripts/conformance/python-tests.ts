/** CPython's own tests: which there are, and what became of them. */
import { runBounded } from './bounded-run.ts';
import type { Ending } from './bounded-run.ts';
import type { NodeCommand } from '../../test/helpers/nodejs-command.ts';
import type { TestOutcome, Verdict } from './node-tests.ts';

/** Modules of tests: sockets, waiting for them, servers, asyncio, threads. */
export const MODULES = [
  'test.test_socket',
  'test.test_select',
  'test.test_selectors',
  'test.test_poll',
  'test.test_socketserver',
  'test.test_httpservers',
  'test.test_asyncio.test_streams',
  'test.test_asyncio.test_sock_lowlevel',
  'test.test_asyncio.test_events',
  'test.test_threading',
  'test.test_queue',
] as const;

/** The part of all that native CPython passes, and the interpreter has compiled in, that must pass in a guest. */
export const PROMISED = 0.93;

/** A whole module takes at most so long, in ms. */
const TIMEOUT_MS = 900_000;
/** A single test that says nothing for so long, in ms, hangs. */
const SILENCE_MS = 90_000;
const OUTPUT_BYTES = 16 * 1024 * 1024;
/** Longest complaint that is kept. */
const COMPLAINT_LENGTH = 160;

const NOT_DEFINED = 'its class is only defined where there is what it tests: epoll(7)';

interface RunnerLine {
  readonly known?: readonly string[];
  readonly begin?: string;
  readonly test?: string;
  readonly module?: 'skip';
  readonly verdict?: Verdict;
  readonly complaint?: string;
  readonly end?: true;
}

export interface ModuleOutcome {
  /** All tests that the module defines. */
  readonly known?: readonly string[];
  readonly tests: ReadonlyMap<string, TestOutcome>;
  /** Why none of its tests ran, where they skip themselves all together. */
  readonly skipped?: string;
  /** The test during which it ended, where that was not its end. */
  readonly interrupted?: string;
  /** Did the runner get to its end? */
  readonly isComplete: boolean;
}

const parseLine = (line: string): RunnerLine | undefined => {
  try {
    return line.startsWith('{') ? (JSON.parse(line) as RunnerLine) : undefined;
  } catch {
    // Something else that begins like a document, or the last line of a runner that was killed.
    return undefined;
  }
};

/** Without what differs from run to run. */
const normalized = (complaint: string): string =>
  complaint
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/0x[0-9a-f]+/g, '0x…')
    .replaceAll(/\/tmp\/tmp\w+/g, '/tmp/…')
    .replaceAll(/\b\d{5,}\b/g, 'N')
    .replaceAll(/\d+\.\d{3,}/g, 'T')
    .slice(0, COMPLAINT_LENGTH);

/** Reads what the runner printed. */
export const readOutcome = (output: string): ModuleOutcome => {
  const tests = new Map<string, TestOutcome>();
  let isComplete = false;
  let skipped: string | undefined;
  let known: readonly string[] | undefined;
  let running: string | undefined;
  for (const line of output.split('\n').map(parseLine)) {
    if (line?.begin !== undefined) running = line.begin;
    if (line?.end) isComplete = true;
    known ??= line?.known;
    if (line?.module === 'skip') skipped = line.complaint ?? '';
    if (line?.test === undefined || line.verdict === undefined) continue;
    const { test, verdict, complaint } = line;
    // Skips itself for an error that it met.
    const isError = verdict === 'skip' && complaint?.startsWith('[Errno') === true;
    tests.set(test, {
      verdict: isError ? 'fail' : verdict,
      ...(complaint !== undefined && { complaint: normalized(complaint) }),
    });
  }
  const isInterrupted = running !== undefined && !tests.has(running);
  return {
    tests,
    isComplete,
    ...(known !== undefined && { known }),
    ...(skipped !== undefined && { skipped }),
    ...(isInterrupted && { interrupted: running! }),
  };
};

const howItEnded = ({ isTimedOut, signal, status, output }: Ending): string => {
  if (isTimedOut) return 'does not end';
  const last = output.split('\n').findLast((line) => line.trim() !== '' && !line.startsWith('{'));
  return normalized(`ends the interpreter: ${last ?? signal ?? `status ${status}`}`);
};

export interface ModuleRun {
  /** How the runner is started for a module, with its other arguments. */
  command(args: readonly string[]): NodeCommand;
  /** Told of each outcome as soon as it is known. */
  keep(test: string, outcome: TestOutcome): void;
  /** Only these tests, if there are any. */
  readonly only: readonly string[];
  /** Tests that may be defined only where they can run. */
  readonly expected: readonly string[];
  /** Also shows what is printed. */
  readonly shows: boolean;
}

/** Runs a module; where a test hangs or ends the interpreter, the others are run without it. */
export const runModule = async (module: string, run: ModuleRun): Promise<void> => {
  const done = new Set<string>();
  for (;;) {
    const args = [module];
    if (run.only.length > 0) args.push('--only', run.only.filter((name) => !done.has(name)).join(','));
    else if (done.size > 0) args.push('--skip', [...done].join(','));
    const ending = await runBounded(run.command(args), {
      timeoutMs: TIMEOUT_MS,
      silenceMs: SILENCE_MS,
      outputBytes: OUTPUT_BYTES,
    });
    if (run.shows) console.error(ending.output);
    const { tests, known, skipped, interrupted, isComplete } = readOutcome(ending.output);
    for (const [name, outcome] of tests) {
      done.add(name);
      run.keep(name, outcome);
    }
    const undefinedTests = run.expected.filter((name) => known?.includes(name) === false);
    for (const name of undefinedTests) run.keep(name, { verdict: 'skip', complaint: NOT_DEFINED });
    if (skipped !== undefined) run.keep(module, { verdict: 'skip', complaint: skipped });
    if (isComplete) return;
    if (interrupted === undefined) {
      throw new Error(`${module} ${howItEnded(ending)}\n${ending.output.slice(-2000)}`);
    }
    done.add(interrupted);
    run.keep(interrupted, { verdict: 'fail', complaint: howItEnded(ending) });
    if (run.only.length > 0 && run.only.every((name) => done.has(name))) return;
  }
};
