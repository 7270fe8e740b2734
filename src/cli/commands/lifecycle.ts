/** `wasmrun stop`, `start`, `restart` and `rm`. */
import { WasmrunError } from '../../errors.ts';
import type { DetachedReport } from '../../detached-supervisor.ts';
import type { SandboxEntry, Sandboxes } from '../../sandboxes.ts';
import { answer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import type { Output } from '../output.ts';
import { newCommand, type Session } from '../session.ts';

const NAMES = 'names or ids of sandboxes';

export const stopCommand = (session: Session) =>
  newCommand('stop')
    .summary('stop sandboxes')
    .description(
      'Stops sandboxes: the app is asked to leave; a detached one keeps its definition and forwards',
    )
    .argument('[sandbox...]', NAMES)
    .option('--all', 'all that run')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun stop web
  $ wasmrun stop --all`,
    )
    .action(async (names, { all = false }) => {
      await forEach(
        session,
        'stop',
        { names, all, among: ({ record }) => record !== undefined },
        {
          done: 'stopped',
          act: async (sandboxes, name) => void (await sandboxes.stop(name)),
        },
      );
    });

export const startCommand = (session: Session) =>
  newCommand('start')
    .summary('start stopped sandboxes again')
    .description('Starts stopped sandboxes again, with the forwards they had')
    .argument('[sandbox...]', NAMES)
    .option('--all', 'all that were started with --restart always')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun start web
  $ wasmrun start --all     after a reboot, those with --restart always`,
    )
    .action(async (names, { all = false }) => {
      await forEach(
        session,
        'start',
        { names, all, among: isDue },
        {
          done: 'started',
          act: async (sandboxes, name) => {
            await sandboxes.start(name, (report) => showReport(session.output, report, session.json));
          },
        },
      );
    });

export const restartCommand = (session: Session) =>
  newCommand('restart')
    .summary('stop sandboxes and start them again')
    .description('Stops sandboxes and starts them again, with the same forwards')
    .argument('<sandbox...>', NAMES)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun restart web`,
    )
    .action(async (names) => {
      await forEach(
        session,
        'restart',
        { names, all: false, among: () => true },
        {
          done: 'restarted',
          act: async (sandboxes, name) => {
            await requireStored(sandboxes, name);
            await sandboxes.stop(name);
            await sandboxes.start(name, (report) => showReport(session.output, report, session.json));
          },
        },
      );
    });

export const rmCommand = (session: Session) =>
  newCommand('rm')
    .summary('remove stopped sandboxes')
    .description('Removes stopped sandboxes: their definitions, forwards and logs')
    .argument('<sandbox...>', NAMES)
    .option('-f, --force', 'stop those that run')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun rm web
  $ wasmrun rm --force web api`,
    )
    .action(async (names, { force = false }) => {
      await forEach(
        session,
        'rm',
        { names, all: false, among: () => true },
        {
          done: 'removed',
          act: async (sandboxes, name) => void (await sandboxes.remove(name, force)),
        },
      );
    });

/** In the order they were made: each finds what it found then, the firewall for one. */
const byAge = (one: SandboxEntry, other: SandboxEntry): number =>
  (one.stored?.createdAt ?? 0) - (other.stored?.createdAt ?? 0);

/** Brought back after a reboot. */
const isDue = ({ record, stored }: SandboxEntry): boolean =>
  record === undefined && stored?.restart === 'always';

interface Selection {
  readonly names: readonly string[];
  readonly all: boolean;
  /** Which ones `--all` means. */
  readonly among: (entry: SandboxEntry) => boolean;
}

interface Step {
  /** What they are afterwards: the name of the list in the document. */
  readonly done: string;
  readonly act: (sandboxes: Sandboxes, name: string) => Promise<void>;
}

/** Does the same to several sandboxes, in turn; names those it was done to, and goes on where one fails. */
const forEach = async (
  session: Session,
  command: string,
  { names, all, among }: Selection,
  { done, act }: Step,
): Promise<void> => {
  await answer(session, command, async (): Promise<Answer> => {
    if (names.length === 0 && !all) {
      throw new WasmrunError('USAGE', 'which sandbox?', { hint: `wasmrun ${command} NAME, or --all` });
    }
    const { findSandboxes } = await import('../find-sandboxes.ts');
    const sandboxes = await findSandboxes(session);
    const chosen = all
      ? (await sandboxes.list())
          .filter(among)
          .toSorted(byAge)
          .map(({ name }) => name)
      : names;
    const succeeded: string[] = [];
    const failures: WasmrunError[] = [];
    for (const name of chosen) {
      try {
        await act(sandboxes, name);
        succeeded.push(name);
      } catch (error) {
        if (!(error instanceof WasmrunError)) throw error;
        failures.push(error);
      }
    }
    const [first] = failures;
    // The only one's error is the answer.
    if (first !== undefined && chosen.length === 1) throw first;
    if (!session.json) for (const failure of failures) session.output.error(failure);
    return {
      text: succeeded.map((name) => `${name}\n`).join(''),
      data: {
        [done]: succeeded,
        ...(first !== undefined && { errors: failures.map(({ code, message }) => ({ code, message })) }),
      },
      status: first === undefined ? 0 : 1,
    };
  });
};

/**
 * What a supervisor reports until its app is ready, as a sandbox at the terminal would show it. Standard output is for
 * the names of sandboxes.
 */
export const showReport = (output: Output, report: DetachedReport, isQuiet: boolean): void => {
  if (isQuiet || report.type === 'failed') return;
  if (report.type === 'warning') output.log.warn(report.text);
  else if (report.type === 'ready') {
    if (report.silent.length > 0) output.log.warn(`nothing listens on port ${report.silent.join(', ')} yet`);
  } else output.event(report.type === 'output' ? { ...report, stream: 'stderr' } : report);
};

/** One that runs at a terminal could be stopped, but not be started again. */
const requireStored = async (sandboxes: Sandboxes, nameOrId: string): Promise<void> => {
  const { name, stored } = await sandboxes.find(nameOrId);
  if (stored !== undefined) return;
  throw new WasmrunError(
    'RELOAD_UNAVAILABLE',
    `${name} runs at a terminal: only there it can be started again`,
    {
      hint: 'start it with --detach',
    },
  );
};
