/**
 * How commands about running sandboxes answer: a text for people, or one document that names the command, the exit
 * status and what came of it. Their exit status is 0, 1 for a failure, 2 for wrong usage.
 */
import type { WasmrunError } from '../errors.ts';
import { EXIT_STATUS, toErrorDocument } from '../errors.ts';
import { toWasmrunError } from './exit-code.ts';
import type { Session } from './session.ts';

/** Exit status of a failure. */
const FAILED = 1;

/** The commands that answer so, also where commander finds the mistake. */
const COMMANDS: ReadonlySet<string> = new Set(
  'port expose,port close,port list,ps,status,logs,stop,start,restart,rm,explain,service install,service uninstall,service status'.split(
    ',',
  ),
);

/** Which of them was typed, in the words before its arguments. */
export const answeringCommand = (args: readonly string[]): string | undefined => {
  const words = args.filter((arg) => !arg.startsWith('-'));
  return [words.slice(0, 2).join(' '), words[0] ?? ''].find((command) => COMMANDS.has(command));
};

export interface Answer {
  /** For people; lines end with a newline. */
  readonly text: string;
  /** For programs. */
  readonly data: unknown;
  /** Exit status; 0 unless something is not as it should be. */
  readonly status?: number;
}

/**
 * Does what a command was called for and prints while it does it; prints its failure.
 * @param command - as it is typed, e.g. `port expose`
 */
export const answerGradually = async (
  session: Session,
  command: string,
  action: () => Promise<void>,
): Promise<void> => {
  const { output } = session;
  try {
    await action();
  } catch (thrown) {
    const error = toWasmrunError(thrown);
    session.status = statusOf(error);
    if (session.json) output.result('', failedAnswer(command, error));
    else output.error(error);
  }
};

/**
 * Does what a command was called for, and prints what came of it.
 * @param command - as it is typed, e.g. `port expose`
 */
export const answer = async (
  session: Session,
  command: string,
  action: () => Promise<Answer>,
): Promise<void> => {
  await answerGradually(session, command, async () => {
    const { text, data, status = 0 } = await action();
    session.status = status;
    session.output.result(text, { command, exit_code: status, data });
  });
};

/** Only what was typed wrongly counts as wrong usage: everything else was understood, and failed. */
const statusOf = ({ code }: WasmrunError): number => (code === 'USAGE' ? EXIT_STATUS.usage : FAILED);

export const failedAnswer = (command: string, error: WasmrunError): object => ({
  command,
  exit_code: statusOf(error),
  error: toErrorDocument(error),
});
