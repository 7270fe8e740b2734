/** `wasmrun os`: runs an app in a network namespace of its own. */
import { resolve } from 'node:path';
import type { Settings } from '../../config/settings.ts';
import type { Log } from '../../log.ts';
import type { ResolveOptions, ResolvedApp } from '../../runtime/resolve.ts';
import type { ForwardEvent } from '../../sandbox/events.ts';
import type { WatchControls } from '../../wasmrun.ts';
import { loadAppSettings } from '../app-settings.ts';
import { collect, newCommand, type Session } from '../session.ts';

const EXAMPLES = `
Forwards:
  8080:3000                 host port 8080 to port 3000 of the app
  3000                      any free host port to port 3000
  127.0.0.1:8080:3000       on one address only; IPv6 in brackets: [::1]:8080:3000
  8000-8003:3000-3003       several ports at once
  5353:53/udp               UDP, in any of these forms

Examples:
  $ wasmrun os ./app --forward 8080:3000
  $ wasmrun os server.wasm --forward 8080:3000 --env LOG=debug --dir public:/www:ro
  $ wasmrun os ./app --forward 8080:3000 -- --guest-flag value
  $ wasmrun os ./app --forward 8080:3000 --plan

Exit status: the app's own; 125 wasmrun failed, 126 the app cannot be run, 127 it was not found,
2 wrong usage, 134 the app trapped, 128+n it was ended by signal n.`;

/** The command as commander sees it. */
export const osCommand = (session: Session) =>
  newCommand('os')
    .summary('run an app in a network namespace of its own')
    .description(
      'Runs a WebAssembly app inside a network namespace of its own; only forwarded ports lead in.\n' +
        'Flags that may be repeated replace the list in .wasmrun.toml; --env adds to it.',
    )
    .usage('<app> [options] [-- arguments of the app]')
    .argument('<app>', 'a .wasm file, or the directory of an app')
    .option('--forward <spec>', 'lead a host port to a port of the app (repeatable)', collect)
    .option('--name <name>', 'name of the sandbox (default: from the app)')
    .option('--language <name>', 'runtime to use instead of the detected one')
    .option('--module <file>', 'file of the app to run, relative to its directory')
    .option('--bind <address>', 'host address of forwards (repeatable; default: 127.0.0.1 and ::1)', collect)
    .option('--isolation <name>', 'auto, namespace (root), user-namespace or virtual')
    .option('--transport <name>', 'auto, nftables, iptables, pf or handoff')
    .option(
      '--allow-net <rule>',
      'what the app may connect to: ADDRESS[/PREFIX][:PORT] or NAME[:PORT] (repeatable)',
      collect,
    )
    .option('--outbound <mode>', 'none, allow-list or all (default: none, or allow-list with rules)')
    .option(
      '--env <name=value>',
      'environment variable; NAME alone passes the present one on (repeatable)',
      collect,
    )
    .option('--env-file <file>', 'file of NAME=value lines (repeatable)', collect)
    .option('--dir <host[:guest[:ro]]>', 'directory the app may use (repeatable)', collect)
    .option('--tmpfs <path>', 'in-memory directory of the app (repeatable)', collect)
    .option('--memory <size>', 'memory of an app for Node.js or Python, such as 256m or 1g (Node.js: 512m)')
    .option('--plan', 'print what would be done, and do nothing')
    .option('--watch', 'bring a new version of the app when its files change')
    .option('--verbose', 'say more about what happens')
    .option('--json', 'print events and output as one JSON document a line')
    .addHelpText('after', EXAMPLES)
    .action(async (app, options) => {
      const flags = {
        '--forward': options.forward,
        '--name': options.name,
        '--language': options.language,
        '--module': options.module,
        '--bind': options.bind,
        '--isolation': options.isolation,
        '--transport': options.transport,
        '--allow-net': options.allowNet,
        '--outbound': options.outbound,
        '--env': options.env,
        '--env-file': options.envFile,
        '--dir': options.dir,
        '--tmpfs': options.tmpfs,
        '--memory': options.memory,
        '--': session.guestArguments,
      };
      session.status = options.plan
        ? await planApp(session, app, flags)
        : await runApp(session, app, flags, options.watch === true);
    });

type Flags = Readonly<Record<string, string | readonly string[] | undefined>>;

const runApp = async (session: Session, path: string, flags: Flags, isWatched: boolean): Promise<number> => {
  const { output, json } = session;
  const { settings, app, warnings, file } = await readApp(session, path, flags);
  for (const warning of warnings) output.log.warn(warning);
  const { runSandbox } = await import('../../wasmrun.ts');
  const forwards: ForwardEvent[] = [];
  return runSandbox({
    settings,
    app,
    log: output.log,
    events: (event) => {
      if (event.type === 'forward') forwards.push(event);
      output.event(event);
    },
    captureOutput: json,
    // Times since this process started, in ms.
    onStep: (step) => output.log.detail(`${performance.now().toFixed(0).padStart(5)} ms  ${step}`),
    watch: isWatched
      ? {
          root: file ?? app.directory,
          refresh: (isBuilt, signal) =>
            readApp(session, path, flags, { build: isBuilt ? 'now' : 'no', signal }),
          ...(json ? {} : { onWatching: await keyboardFor(output.log, forwards) }),
        }
      : undefined,
  });
};

const planApp = async (session: Session, path: string, flags: Flags): Promise<number> => {
  const { settings, app, warnings, file } = await readApp(session, path, flags, { build: 'later' });
  const { planRun } = await import('../../wasmrun.ts');
  const { printPlan } = await import('../plan-text.ts');
  const { command: build } = settings.build;
  const plan = {
    ...(await planRun({ settings, app })),
    ...(build !== undefined && file === undefined && { build }),
    warnings,
  };
  session.output.result(printPlan(plan), { type: 'plan', ...plan });
  return 0;
};

interface ReadApp {
  readonly settings: Settings;
  readonly app: ResolvedApp;
  readonly warnings: readonly string[];
  /** Absolute path, where a file was named and not a directory. Then nothing is built. */
  readonly file: string | undefined;
}

/** Keys, as Vite has them, where there is a terminal to press them at. */
const keyboardFor = async (
  log: Log,
  forwards: readonly ForwardEvent[],
): Promise<(controls: WatchControls) => Disposable> => {
  const { Keyboard } = await import('../keyboard.ts');
  return (controls) => new Keyboard({ ...controls, log, forwards });
};

/** The settings and the app, made ready unless it is for a plan. */
const readApp = async (
  { output }: Session,
  path: string,
  flags: Flags,
  how: ResolveOptions = {},
): Promise<ReadApp> => {
  const { locateApp, resolveApp } = await import('../../runtime/resolve.ts');
  const { RUNTIMES } = await import('../../../runtimes/index.ts');

  const { directory, file } = await locateApp(path);
  // Unlike other paths it is one of the app's, wherever the command is typed.
  const module = typeof flags['--module'] === 'string' ? resolve(directory, flags['--module']) : undefined;
  const { settings } = await loadAppSettings(directory, { ...flags, '--module': module });
  const app = await resolveApp(path, settings, RUNTIMES, output.log, how);
  const { exposureWarnings } = await import('../exposure.ts');
  const warnings = exposureWarnings(settings.network);
  return { settings, app, warnings, file };
};
