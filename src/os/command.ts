/** Runs a command of the system: a file and its arguments, never a line for a shell. */

export interface CommandOptions {
  /** Written to the command's standard input. */
  readonly input?: string;
}

/** A command that could not be started or ended with a failure. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** The command as a person would type it. */
  readonly command: string;
  /** What it wrote to standard output, and to standard error. */
  readonly stdout: string;
  readonly stderr: string;
  /** There is no such command. */
  readonly missing: boolean;

  constructor(command: string, outcome: CommandOutput & { missing: boolean; reason: string }) {
    super(`${command}: ${outcome.stderr.trim() || outcome.reason}`);
    this.command = command;
    this.stdout = outcome.stdout;
    this.stderr = outcome.stderr;
    this.missing = outcome.missing;
  }
}

export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs `file` with `args` and returns its standard output.
 * @throws {CommandError} when it cannot be started or does not end with status 0
 */
export const runCommand = async (
  file: string,
  args: readonly string[],
  options?: CommandOptions,
): Promise<string> => (await captureCommand(file, args, options)).stdout;

/**
 * Runs `file` with `args` and returns everything it prints. Messages come in English (`LC_ALL=C`), so that
 * they can be recognised.
 * @throws {CommandError} when it cannot be started or does not end with status 0
 */
export const captureCommand = async (
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutput> => {
  // execa takes 40 ms to load and is needed only where the system offers no library.
  const { execa } = await import('execa');
  const result = await execa(file, args, { reject: false, input: options.input ?? '', env: { LC_ALL: 'C' } });
  const { stdout, stderr } = result;
  if (!result.failed) return { stdout, stderr };
  throw new CommandError([file, ...args].join(' '), {
    stdout: stdout ?? '',
    stderr: stderr ?? '',
    missing: result.code === 'ENOENT',
    reason: result.shortMessage ?? 'failed',
  });
};
