/** `wasmrun os`: runs an app in a network namespace of its own. */
import { WasmrunError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { ForwardEvent } from '../../sandbox/events.ts';
import type { WatchControls } from '../../wasmrun.ts';
import { readApp } from '../../read-app.ts';
import type { AppFlags } from '../../read-app.ts';
import { collect, newCommand, newOption, type Session } from '../session.ts';

/** Flags that stand for settings, and what commander calls their values. */
const SETTING_FLAGS = [
  ['--forward', 'forward'],
  ['--name', 'name'],
  ['--language', 'language'],
  ['--module', 'module'],
  ['--bind', 'bind'],
  ['--isolation', 'isolation'],
  ['--transport', 'transport'],
  ['--allow-net', 'allowNet'],
  ['--outbound', 'outbound'],
  ['--peer', 'peer'],
  ['--env', 'env'],
  ['--env-file', 'envFile'],
  ['--dir', 'dir'],
  ['--tmpfs', 'tmpfs'],
  ['--memory', 'memory'],
] as const;

const RESTART_POLICIES = ['no', 'on-failure', 'always'] as const;

const EXAMPLES = `
Forwards:
  8080:3000            host port 8080 to port 3000 of the app
  3000                 any free host port to port 3000
  [::1]:8080:3000      on one address only; IPv6 in brackets
  5353:53/udp          UDP, in any of these forms

Examples:
  $ wasmrun os ./app --forward 8080:3000
  $ wasmrun os server.wasm --forward 8080:3000 --env LOG=debug --dir public:/www
  $ wasmrun os ./app --forward 8080:3000 --name web --detach

Exit status: the app's own; 125 wasmrun failed, 126 the app cannot be run,
127 it was not found, 2 wrong usage, 134 the app trapped, 128+n signal n.`;

/** The command as commander sees it. */
export const osCommand = (session: Session) =>
  newCommand('os')
    .summary('run an app in a namespace of its own')
    .description(
      'Runs a WebAssembly app inside a network namespace of its own; only forwarded\n' +
        "ports lead in. Options marked * may be repeated; they replace .wasmrun.toml's.",
    )
    .usage('<app> [options] [-- arguments of the app]')
    .argument('<app>', 'a .wasm file, or the directory of an app')
    .optionsGroup('App:')
    .option('--name <name>', 'name of the sandbox (default: from the app)')
    .option('--language <name>', 'runtime to use instead of the detected one')
    .option('--module <file>', 'file of the app to run, relative to its directory')
    .option('--env <name=value>', "* variable, besides .wasmrun.toml's; NAME passes it on", collect)
    .option('--env-file <file>', '* file of NAME=value lines', collect)
    .option('--dir <host[:guest]>', '* directory the app may use; read-only with :ro after it', collect)
    .option('--tmpfs <path>', '* in-memory directory of the app', collect)
    .option('--memory <size>', 'of a Node.js or Python app, such as 1g (Node.js: 512m)')
    .optionsGroup('Network:')
    .option('--forward <spec>', '* lead a host port to a port of the app', collect)
    .option('--bind <address>', '* host address of forwards (default: 127.0.0.1, ::1)', collect)
    .option('--isolation <name>', 'auto, namespace (root), user-namespace or virtual')
    .option('--transport <name>', 'auto, nftables, iptables, pf or handoff')
    .option('--allow-net <rule>', '* what it may reach: ADDRESS[/n][:PORT], NAME[:PORT]', collect)
    .option('--outbound <mode>', 'none, allow-list or all (default: by the rules)')
    .option('--peer <name[:port]>', '* other sandbox it may reach, at its name', collect)
    .optionsGroup('Options:')
    .option('--plan', 'print what would be done, and do nothing')
    .option('--watch', 'bring a new version of the app when its files change')
    .option('-d, --detach', 'leave it running and return when the app is ready')
    .addOption(newOption('--restart <policy>', 'with --detach, when it ends').choices(RESTART_POLICIES))
    .option('--verbose', 'say more about what happens')
    .option('--json', 'print events and output as JSON, one a line')
    .addHelpText('after', EXAMPLES)
    .action(async (app, options) => {
      const flags = {
        ...Object.fromEntries(SETTING_FLAGS.map(([flag, name]) => [flag, options[name]])),
        '--': session.guestArguments,
      };
      const isWatched = options.watch === true;
      const { restart } = options;
      if (restart !== undefined && options.detach !== true) {
        throw new WasmrunError('USAGE', '--restart is for sandboxes that are started with --detach');
      }
      if (options.plan) session.status = await planApp(session, app, flags);
      else if (options.detach) {
        const { detachApp } = await import('../detach-app.ts');
        session.status = await detachApp(session, { path: app, flags, isWatched, restart: restart ?? 'no' });
      } else session.status = await runApp(session, app, flags, isWatched);
    });

const runApp = async (
  session: Session,
  path: string,
  flags: AppFlags,
  isWatched: boolean,
): Promise<number> => {
  const { output, json } = session;
  const { settings, app, warnings, file } = await readApp(session.output.log, path, flags);
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
            readApp(session.output.log, path, flags, { build: isBuilt ? 'now' : 'no', signal }),
          ...(json ? {} : { onWatching: await keyboardFor(output.log, forwards) }),
        }
      : undefined,
  });
};

const planApp = async (session: Session, path: string, flags: AppFlags): Promise<number> => {
  const { settings, app, warnings, file } = await readApp(session.output.log, path, flags, {
    build: 'later',
  });
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

/** Keys, as Vite has them, where there is a terminal to press them at. */
const keyboardFor = async (
  log: Log,
  forwards: readonly ForwardEvent[],
): Promise<(controls: WatchControls) => Disposable> => {
  const { Keyboard } = await import('../keyboard.ts');
  return (controls) => new Keyboard({ ...controls, log, forwards });
};
