/** Entry of the command line: `bin/wasmrun.cjs` imports this module to run it. */
import { EXIT_STATUS } from '../errors.ts';
import { answeringCommand, failedAnswer } from './answer.ts';
import { isAnswered, isBareCall, isCommanderError, toWasmrunError } from './exit-code.ts';
import { createOutput, type Stream } from './output.ts';
import { createProgram } from './program.ts';
import type { Session } from './session.ts';

/**
 * Cuts off what belongs to the guest: everything after the first `--` of `wasmrun os`. Commander would
 * drop the `--` and mix the rest with its own arguments.
 */
const splitGuestArguments = (
  args: readonly string[],
): { own: readonly string[]; guest?: readonly string[] } => {
  const dashes = args.indexOf('--');
  if (dashes < 0 || args[0] !== 'os') return { own: args };
  return { own: args.slice(0, dashes), guest: args.slice(dashes + 1) };
};

/**
 * A standard stream that is opened at the first write: opening takes 3 ms, which the start of a sandbox
 * need not wait for. A reader that closes its end early (`wasmrun config show | head`) is no failure.
 */
const standardStream = (name: 'stdout' | 'stderr'): Stream => {
  let stream: NodeJS.WriteStream | undefined;
  return {
    write: (text: string) => {
      stream ??= process[name].on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') throw error;
      });
      return stream.write(text);
    },
  };
};

/** Runs the command line and returns its exit status. */
const run = async (args: readonly string[]): Promise<number> => {
  const { own, guest } = splitGuestArguments(args);
  const json = own.includes('--json');
  const verbose = own.includes('--verbose');
  const streams = { stdout: standardStream('stdout'), stderr: standardStream('stderr') };
  const output = createOutput({ json, verbose, ...streams });
  const session: Session = { output, json, verbose, guestArguments: guest, status: 0 };
  process.once('uncaughtException', (error) => {
    output.error(toWasmrunError(error));
    process.exit(EXIT_STATUS.failed);
  });
  try {
    await createProgram(session, streams).parseAsync(own, { from: 'user' });
    return session.status;
  } catch (error) {
    if (isCommanderError(error) && isAnswered(error)) return 0;
    if (isCommanderError(error) && isBareCall(error)) return EXIT_STATUS.usage;
    const problem = toWasmrunError(error);
    const command = answeringCommand(own);
    if (json && command !== undefined) output.result('', failedAnswer(command, problem));
    else output.error(problem);
    return problem.exitStatus;
  }
};

// No top-level await: the bundle is CommonJS.
const main = async (): Promise<void> => {
  process.exitCode = await run(process.argv.slice(2));
};
void main();
