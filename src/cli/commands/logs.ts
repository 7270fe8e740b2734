/** `wasmrun logs`: what a detached sandbox has said. */
import { WasmrunError } from '../../errors.ts';
import type { LogEntry } from '../../sandbox/log-entry.ts';
import { answerGradually } from '../answer.ts';
import { newCommand, type Session } from '../session.ts';

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
  const { readDetachedLog } = await import('../../detached-log.ts');
  const sinceMs = since === undefined ? undefined : parseSince(since);
  const sandboxes = await findSandboxes(session);
  using interrupt = new Interrupt();
  const print = session.json ? printDocument : printText(timestamps);
  const reading = { since: sinceMs, tail, follow, signal: interrupt.signal };
  for await (const entry of readDetachedLog(sandboxes, nameOrId, reading)) print(entry);
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

/** SIGINT as a signal for what can be aborted. */
class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #abort = (): void => this.#controller.abort();

  constructor() {
    process.once('SIGINT', this.#abort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#abort);
  }
}
