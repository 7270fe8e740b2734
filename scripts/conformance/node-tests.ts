/** Node's own tests: which there are, what each needs, and what became of one. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { NodeProgram } from '../../test/helpers/nodejs-command.ts';
import type { Ending } from './bounded-run.ts';

/** What the tests of a group have to do with, and the part of them that must pass, if something is promised. */
export interface Group {
  readonly name: string;
  readonly pattern: RegExp;
  readonly promised: number;
}

/** Groups by the start of their names, as Node names its tests; https belongs to http, http2 does not. */
export const GROUPS: readonly Group[] = [
  { name: 'http', pattern: /^test-http(?!2)/, promised: 0.9 },
  { name: 'net', pattern: /^test-net/, promised: 0.92 },
  { name: 'stream', pattern: /^test-stream/, promised: 0.93 },
  { name: 'buffer', pattern: /^test-buffer/, promised: 0.93 },
  { name: 'timers', pattern: /^test-timers/, promised: 0.93 },
  { name: 'events', pattern: /^test-events/, promised: 0.93 },
  { name: 'url', pattern: /^test-url/, promised: 0.93 },
  { name: 'path', pattern: /^test-path/, promised: 0.93 },
];

/** Flags without which a test is pointless and which no app of a user can have in a guest → why. */
const EXCLUDING_FLAGS: ReadonlyMap<string, string> = new Map([
  ['--expose-internals', "needs modules internal to Node's library"],
  ['--expose-gc', "needs V8's garbage collector as a function"],
  ['--allow-natives-syntax', "needs V8's own syntax"],
]);

export interface NodeTest {
  /** Name of the file in test/parallel. */
  readonly file: string;
  readonly group: string;
  /** Flags that it asks for. */
  readonly flags: readonly string[];
  /** Why it is not for guests. */
  readonly exclusion?: string;
}

const PARALLEL = 'test/parallel';
/** What tests load besides themselves. */
export const TEST_PATHS = [PARALLEL, 'test/common', 'test/fixtures'];

const describe = (directory: string, file: string): NodeTest | undefined => {
  const group = GROUPS.find(({ pattern }) => pattern.test(file));
  if (group === undefined) return undefined;
  const source = readFileSync(join(directory, PARALLEL, file), 'utf8');
  // As test/common/index.js of Node reads them.
  const flags = /\/\/ Flags:\s+(--.*)/.exec(source)?.[1]?.trim().split(/\s+/) ?? [];
  const exclusion = flags
    .map((flag) => EXCLUDING_FLAGS.get(flag.replaceAll('_', '-')))
    .find((why) => why !== undefined);
  return { file, group: group.name, flags, ...(exclusion !== undefined && { exclusion }) };
};

/** All tests of the groups, sorted. */
export const findTests = (directory: string): NodeTest[] =>
  globSync('test-*.{js,mjs}', { cwd: join(directory, PARALLEL) })
    .toSorted()
    .map((file) => describe(directory, file))
    .filter((test) => test !== undefined);

/** The version of Node that the tests are of, where the repository tells. */
export const versionOf = (directory: string): string => {
  const read = (file: string): string => {
    const path = join(directory, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };
  const header = read('src/node_version.h');
  const numbers = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => new RegExp(String.raw`#define NODE_${part}_VERSION (\d+)`).exec(header)?.[1],
  );
  if (!numbers.includes(undefined)) return numbers.join('.');
  // denoland/node_test: nothing but Node's tests.
  return /version = "([\d.]+)"/.exec(read('node_version.ts'))?.[1] ?? 'unknown version';
};

/** Where a version is told, besides the tests. */
export const VERSION_FILES = ['src/node_version.h', 'node_version.ts'];

/** test/common of Node 25 looks at localStorage, and tests take the warning of that for one of theirs. */
const NO_LOCAL_STORAGE = '--no-experimental-webstorage';

/** A test as a program. `worker` tells those that run at the same time apart (test/common/tmpdir.js). */
export const programOf = (directory: string, { file, flags }: NodeTest, worker: string): NodeProgram => ({
  directory,
  module: `${PARALLEL}/${file}`,
  flags: [...flags, NO_LOCAL_STORAGE],
  // Else a test whose flags came by another way starts itself again with them.
  env: { TEST_THREAD_ID: worker, TEST_PARALLEL: '1', NODE_SKIP_FLAG_CHECK: '1' },
});

export type Verdict = 'pass' | 'skip' | 'fail';

export interface TestOutcome {
  readonly verdict: Verdict;
  /** Of a failure: what it says first. */
  readonly complaint?: string;
}

/** Longest complaint that is kept. */
const COMPLAINT_LENGTH = 160;

/** Without what differs from run to run. */
const normalized = (line: string): string =>
  line
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(/^Uncaught /, '')
    .replaceAll(/(?:file:\/\/)?\/[^\s'"`:,)]+/g, (path) => `…/${basename(path)}`)
    .replaceAll(/(?<=:)\d{4,5}\b/g, 'PORT')
    .replaceAll(/\((?:node|wasmrun):\d+\)/g, '')
    .slice(0, COMPLAINT_LENGTH);

/** What a failure is recognised by, the most telling first; else the first line that is no place in a file. */
const TELLING = [
  /^\s*(?:Uncaught |\[)?(?:(?:[A-Z]\w*)?(?:Error|Exception)\b|Mismatched )/,
  /^\s*(?:error|wasmrun|fatal)\b.*:/i,
  /^(?!\s*(?:at |\^|node:|\(node|\(Use|throw |triggerUncaught))/,
];
/** How many lines after an assertion's may tell what it compared. */
const COMPARISON_LINES = 12;

/** What of an output says what went wrong. */
export const complaintOf = ({ output, status, signal, isTimedOut }: Ending): string => {
  if (isTimedOut) return 'does not end';
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const index =
    TELLING.map((pattern) => lines.findIndex((line) => pattern.test(line))).find((found) => found >= 0) ?? -1;
  const telling = lines[index];
  if (telling === undefined) return `ends with ${signal ?? `status ${status}`}`;
  const compared = telling.endsWith(':')
    ? lines
        .slice(index + 1, index + 1 + COMPARISON_LINES)
        .filter((line) => line.includes('!==') || /^[+-] (?!actual)/.test(line))
    : [];
  return normalized([telling, ...compared.slice(0, 2)].join(' '));
};

/** What became of a test. */
export const judge = (ending: Ending): TestOutcome => {
  if (ending.status !== 0 || ending.isTimedOut) return { verdict: 'fail', complaint: complaintOf(ending) };
  // As test/common/index.js says it: skip().
  return { verdict: /^1\.\.0 # Skipped/m.test(ending.output) ? 'skip' : 'pass' };
};
