/** `wasmrun logs`: what a detached sandbox has said. */
import { WasmrunError } from '../../errors.ts';
import type { LogEntry } from '../../sandbox/log-entry.ts';
import type { Sandboxes } from '../../sandboxes.ts';
import { answerGradually } from '../answer.ts';
import { newCommand, type Session } from '../session.ts';

/** How often it is asked whether the sandbox still runs, in ms, and how long its last words may take after that. */
const POLL_MS = 500;

export const logsCommand = (session: Session) =>
  newCommand('logs')
    .summary('print what a detached sandbox has said')
    .description("Prints what a detached sandbox has said: its app's output, and what happened to it")
    .argument('<sandbox>', 'name or id of a sandbox')
    .option('-f, --follow', 'go on until it stops')
    .option('--since <time>', 'only since then: 10m, 1h30m, 2026-11-23T10:00:00Z or seconds since 1970')
    .option('-n, --tail <lines>', 'only so many lines from the end', parseCount)
    .option('-t, --timestamps', 'when each line was said')
    .option('--json', 'print one JSON document a line')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun logs web
  $ wasmrun logs web --follow --since 10m`,
    )
    .action(async (sandbox, flags) => {
      await answerGradually(session, 'logs', () => printLog(session, sandbox, flags));
    });

interface LogFlags {
  readonly follow?: boolean | undefined;
  readonly since?: string | undefined;
  readonly tail?: number | undefined;
  readonly timestamps?: boolean | undefined;
}

const printLog = async (
  session: Session,
  nameOrId: string,
  { follow = false, since, tail, timestamps = false }: LogFlags,
): Promise<void> => {
  const { findSandboxes } = await import('../find-sandboxes.ts');
  const { parseSince } = await import('../../sandbox/log-since.ts');
  const { readLog } = await import('../../sandbox/log-reader.ts');
  const { logDirectory } = await import('../../sandbox/log-files.ts');
  const sinceMs = since === undefined ? undefined : parseSince(since);
  const sandboxes = await findSandboxes(session);
  const { name, stored } = await sandboxes.find(nameOrId);
  if (stored === undefined) {
    throw new WasmrunError(
      'SANDBOX_NOT_FOUND',
      `${name} is not detached: what it says is where it was started`,
      {
        hint: 'start it with --detach',
      },
    );
  }
  using following = follow ? new Following(sandboxes, name) : undefined;
  const print = session.json ? printDocument : printText(timestamps);
  const reading = { since: sinceMs, tail, follow, signal: following?.signal };
  for await (const entry of readLog(logDirectory(sandboxes.prefix, name), reading)) print(entry);
};

const printDocument = ({ time, stream, text }: LogEntry): void => {
  process.stdout.write(`${JSON.stringify({ time: new Date(time).toISOString(), stream, text })}\n`);
};

/** Each stream to its own, as the app had written it; what wasmrun says is told from that by its name. */
const printText =
  (timestamps: boolean) =>
  ({ time, stream, text }: LogEntry): void => {
    const target = stream === 'stdout' ? process.stdout : process.stderr;
    const when = timestamps ? `${new Date(time).toISOString()} ` : '';
    target.write(`${when}${stream === 'wasmrun' ? 'wasmrun: ' : ''}${text}`);
  };

const parseCount = (text: string): number => {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new WasmrunError('USAGE', `"${text}" is not a number of lines`);
};

/** Ends when the sandbox has stopped, or at SIGINT. */
class Following implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #end = (): void => this.#controller.abort();

  constructor(sandboxes: Sandboxes, name: string) {
    let isOver = false;
    this.#timer = setInterval(() => {
      // One turn later: what it said last has been read by then.
      if (isOver) this.#end();
      else isOver = !sandboxes.isRunning(name);
    }, POLL_MS);
    process.once('SIGINT', this.#end);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    process.off('SIGINT', this.#end);
  }
}
