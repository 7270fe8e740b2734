/** The command line: its commands, and what they have in common. */
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import type { Command } from '@commander-js/extra-typings';
import { completeCommand, completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { doctorCommand } from './commands/doctor.ts';
import { explainCommand } from './commands/explain.ts';
import { gcCommand } from './commands/gc.ts';
import { restartCommand, rmCommand, startCommand, stopCommand } from './commands/lifecycle.ts';
import { logsCommand } from './commands/logs.ts';
import { osCommand } from './commands/os.ts';
import { portCommand } from './commands/port.ts';
import { psCommand } from './commands/ps.ts';
import { serviceCommand } from './commands/service.ts';
import { statusCommand } from './commands/status.ts';
import { superviseCommand } from './commands/supervise.ts';
import { commandTree } from './command-tree.ts';
import type { Stream } from './output.ts';
import { newCommand, type Session } from './session.ts';

const EXAMPLES = `
Examples:
  $ wasmrun os ./app --forward 8080:3000   then: curl http://localhost:8080
  $ wasmrun port expose web 9000:3000      one more port of a running sandbox
  $ wasmrun explain web 8080               why nothing answers there
  $ wasmrun config show ./app --origin     where each setting comes from
  $ wasmrun doctor                         what works here, what is in the way
  $ wasmrun gc                             clean up after a kill -9

wasmrun os --help says more. Settings may also stand in .wasmrun.toml and in
WASMRUN_* variables; a flag beats a variable, a variable beats the file.`;

/** Version of this package. */
const readVersion = (): string => {
  const file = findPackageJSON(import.meta.url);
  const { version } = JSON.parse(file === undefined ? '{}' : readFileSync(file, 'utf8')) as {
    version?: string;
  };
  return version ?? 'unknown';
};

/** Where commander writes help and version. */
export interface Streams {
  readonly stdout: Stream;
  readonly stderr: Stream;
}

/** The whole command line; commands leave their exit status in `session`. */
export const createProgram = (session: Session, { stdout, stderr }: Streams): Command => {
  const program = newCommand('wasmrun')
    .summary('run apps as WebAssembly processes in network namespaces')
    .description(
      'Runs an app as a WebAssembly process in a real network namespace,\nreachable only through forwarded ports.',
    )
    .version(readVersion(), '-V, --version', 'print the version')
    .addHelpText('after', EXAMPLES)
    .addCommand(osCommand(session))
    .addCommand(portCommand(session))
    .addCommand(psCommand(session))
    .addCommand(statusCommand(session))
    .addCommand(logsCommand(session))
    .addCommand(explainCommand(session))
    .addCommand(stopCommand(session))
    .addCommand(startCommand(session))
    .addCommand(restartCommand(session))
    .addCommand(rmCommand(session))
    .addCommand(superviseCommand(session), { hidden: true })
    .addCommand(serviceCommand(session))
    .addCommand(configCommand(session))
    .addCommand(doctorCommand(session))
    .addCommand(gcCommand(session))
    .addCommand(completionCommand(session))
    .addCommand(completeCommand(stdout), { hidden: true });
  for (const command of commandTree(program)) {
    // Commander throws instead of ending the process, and leaves its errors to us to print.
    command.exitOverride().configureOutput({
      outputError: () => {},
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
    });
  }
  return program;
};
