/** The composition root: how settings become a sandbox. */
import { constants } from 'node:os';
import type { Settings } from './config/settings.ts';
import { WasmrunError } from './errors.ts';
import type { LiveReload } from './live-reload.ts';
import { type Log, silentLog } from './log.ts';
import { expandForward } from './network/forward.ts';
import { isLoopback } from './network/loopback.ts';
import type { IsolationName } from './network/names.ts';
import type { HeldForward } from './network/transport.ts';
import { findTransport, FIREWALLS, ISOLATIONS, transportsFor } from './platform.ts';
import type { ResolvedApp } from './runtime/resolve.ts';
import type { RequestedForward, SandboxDefinition } from './sandbox/definition.ts';
import type { SandboxEvent } from './sandbox/events.ts';
import { engineIdentity } from './sandbox/identity.ts';
import { planSandbox, type SandboxPlan } from './sandbox/plan.ts';
import { reclaim } from './sandbox/reclaim.ts';
import { Sandbox } from './sandbox/sandbox.ts';
import type { SandboxStep } from './sandbox/start.ts';
import { State } from './sandbox/state.ts';
import { waitNotice } from './sandbox/wait-notice.ts';
import { terminalVariables } from './terminal-variables.ts';

export interface RunRequest {
  readonly settings: Settings;
  readonly app: ResolvedApp;
  readonly log: Log;
  readonly events: (event: SandboxEvent) => void;
  /** Report the guest's output as events instead of passing it through. */
  readonly captureOutput: boolean;
  /** Called after each step of the start. */
  readonly onStep?: (step: SandboxStep) => void;
  /** Changes of its files bring a new version of the app. */
  readonly watch?: WatchRequest | undefined;
}

export interface WatchRequest {
  /** Absolute path of the app: its directory, or the single file it consists of. */
  readonly root: string;
  /**
   * Reads the settings again and makes the app ready.
   * @param build - run the build, where there is one
   * @param signal - ends that build
   */
  readonly refresh: (
    build: boolean,
    signal: AbortSignal,
  ) => Promise<{ readonly settings: Settings; readonly app: ResolvedApp }>;
  /** Called when changes are waited for; what it returns is disposed of at the end. */
  readonly onWatching?: (controls: WatchControls) => Disposable;
}

/** What a person can ask for while an app is watched. */
export interface WatchControls {
  /** A new version now. */
  readonly restart: () => void;
  /** The end, with exit status 0. */
  readonly quit: () => void;
}

/** The scratch directory every guest finds, in memory. */
const SCRATCH = '/tmp';
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs an app in a sandbox of its own until it ends or a signal stops it. SIGINT, SIGTERM and SIGHUP stop
 * it orderly, a second one kills it.
 * @returns the exit status for this process: the guest's own, 128 + n after signal n
 * @throws {WasmrunError} when the sandbox cannot be started, or fails
 */
export const runSandbox = async (request: RunRequest): Promise<number> => {
  if (process.platform !== 'linux') {
    throw new WasmrunError(
      'UNSUPPORTED_PLATFORM',
      `wasmrun needs Linux namespaces, this is ${process.platform}`,
      {
        hint: 'Run it inside a Linux virtual machine.',
      },
    );
  }
  const signals = new StopSignals();
  using _listening = signals;
  const { log, events, captureOutput, onStep, watch } = request;
  try {
    const definition = defineSandbox(request);
    await using watching = new AsyncDisposableStack();
    // Changes from now on are not missed.
    const quit = (): void => signals.raise(QUIT);
    const live = watch && (await watchApp(request, watch, { definition, stack: watching, quit }));
    await using sandbox = await Sandbox.start(definition, {
      log,
      isolations: ISOLATIONS,
      firewalls: FIREWALLS,
      transports: transportsFor(process.platform),
      onEvent: events,
      onStep: (step) => {
        onStep?.(step);
        // The last one: from then on a guest is there to be stopped.
        if (step !== 'go') signals.throwIfStopped();
      },
      onWait: () => signals.throwIfStopped(),
      captureOutput,
      onGuestEnd: live && ((end) => live.guestEnded(end)),
    });
    for (const text of request.app.program.notices ?? []) log.warn(text);
    // A word of advice: nothing waits for it or fails with it.
    warnOfObstacles(sandbox.forwards, request).catch((error: unknown) => log.detail(String(error)));
    signals.onFirst((signal) => {
      void watching.disposeAsync();
      sandbox.stop(statusOf(signal));
    });
    signals.onSecond(() => sandbox.kill());
    live?.begin(sandbox);
    const { status } = await sandbox.end();
    return status;
  } catch (error) {
    if (!(error instanceof StoppedWhileStarting)) throw error;
    events({ type: 'exited', status: error.status, reason: 'stopped' });
    return error.status;
  }
};

/** Watches the files of an app until the stack is disposed of. */
const watchApp = async (
  { settings, app, log, events }: RunRequest,
  { root, refresh, onWatching }: WatchRequest,
  {
    definition,
    stack,
    quit,
  }: { definition: SandboxDefinition; stack: AsyncDisposableStack; quit: () => void },
): Promise<LiveReload> => {
  const { LiveReload } = await import('./live-reload.ts');
  const { watchFiles } = await import('./watch/watch.ts');
  const { configFile, watch, build } = settings;
  const watched = stack.use(
    await watchFiles({
      root,
      paths: [...watch.paths, ...(configFile === undefined ? [] : [configFile]), app.program.modulePath],
      ignore: watch.ignore,
      includeNodeModules: watch.includeNodeModules,
      outputs: build.output === undefined ? [] : [build.output],
      debounceMs: watch.debounceMs,
      pollMs: watch.pollMs,
      log,
      onBatch: ({ files }) => reload.changed(files.map(({ path }) => path)),
    }),
  );
  const reload: LiveReload = stack.use(
    new LiveReload(
      {
        directory: app.directory,
        configFile,
        policy: watch.reload,
        graceMs: watch.graceMs,
        refresh: async (isBuilt, signal) => {
          await using _ = watched.hold();
          return defineSandbox(await refresh(isBuilt, signal));
        },
        log,
        onEvent: events,
      },
      definition,
    ),
  );
  if (onWatching !== undefined) stack.use(onWatching({ restart: () => reload.restart(), quit }));
  return reload;
};

/** A signal came before there was a guest to stop. */
class StoppedWhileStarting extends Error {
  override readonly name = 'StoppedWhileStarting';
  readonly status: number;

  constructor(signal: number) {
    super('stopped while starting');
    this.status = statusOf(signal);
  }
}

/** One line for each firewall of others that lets nobody reach what is open to more than this machine. */
const warnOfObstacles = async (
  forwards: readonly HeldForward[],
  { settings, log }: RunRequest,
): Promise<void> => {
  const ports = forwards.filter(({ addresses }) => !addresses.every(isLoopback));
  if (ports.length === 0) return;
  const { findObstacles, readRulesets } = await import('./network/other-firewalls.ts');
  const obstacles = findObstacles(await readRulesets(), { ports, prefix: settings.network.namespacePrefix });
  for (const { blocks, sentence } of obstacles) if (blocks === 'input') log.warn(sentence);
};

/**
 * What {@link runSandbox} would do with the same request, without doing any of it.
 * @throws {WasmrunError} for a request that could never be run
 */
export const planRun = async (request: Pick<RunRequest, 'settings' | 'app'>): Promise<SandboxPlan> => {
  const definition = defineSandbox(request);
  const present = process.platform;
  const wanted = definition.transport;
  return await planSandbox(definition, {
    present,
    isolations: ISOLATIONS,
    firewalls: FIREWALLS,
    transports: transportsFor(present),
    wanted: wanted === 'auto' ? undefined : findTransport(wanted, present),
  });
};

/** What a killed supervisor left behind. */
export interface Leftover {
  /** Name of the sandbox. */
  readonly name: string;
  /** Process id the supervisor had. */
  readonly pid: number;
  readonly isolation: IsolationName;
  /** Network namespace as `ip netns` lists it; with the isolation `namespace` only. */
  readonly namespace?: string;
  /** The host's end of its veth pair; with the isolation `namespace` only. */
  readonly interface?: string;
}

/**
 * Removes what killed supervisors left behind, or only lists it.
 * @param prefix - prefix of all kernel objects' names
 */
export const collectGarbage = async (
  prefix: string,
  { dryRun = false, log = silentLog }: { readonly dryRun?: boolean; readonly log?: Log } = {},
): Promise<Leftover[]> => {
  const state = new State(prefix);
  const records = await state.exclusively(
    async () => (dryRun ? state.dead() : reclaim(state, { prefix, firewalls: FIREWALLS })),
    waitNotice(log),
  );
  return records.map(({ name, pid, enclosure }) => {
    const { isolation } = enclosure;
    if (isolation !== 'namespace') return { name, pid, isolation };
    return { name, pid, isolation, namespace: enclosure.namespace, interface: enclosure.link.veth };
  });
};

const defineSandbox = ({ settings, app }: Pick<RunRequest, 'settings' | 'app'>): SandboxDefinition => {
  const { network } = settings;
  return {
    name: app.name,
    nameIsExplicit: app.nameIsExplicit,
    prefix: network.namespacePrefix,
    ...guestOf(app, settings),
    forwards: network.forwards
      .flatMap((spec) => expandForward(spec))
      .map((spec): RequestedForward => ({
        protocol: spec.protocol,
        addresses: spec.address === undefined ? network.bind : [spec.address],
        hostPort: spec.hostPort ?? 0,
        processPort: spec.processPort,
      })),
    isolation: network.isolation,
    transport: network.transport,
    outbound: { mode: network.outbound, rules: network.allow },
    addressPools: network.addressPool,
    user: engineIdentity(app.directory, process.env),
  };
};

type Guest = Pick<SandboxDefinition, 'module' | 'driver' | 'args' | 'env' | 'directories' | 'tmpfs'>;

/** What the runtime needs, as far as the user has not put something else in its place. */
const guestOf = ({ program }: ResolvedApp, { app }: Settings): Guest => {
  const { modulePath, driver, options, args, env, directories = [], tmpfs = [] } = program;
  const chosen = new Set([...app.directories.map(({ guestPath }) => guestPath), ...app.tmpfs]);
  const needed = directories.filter(({ guestPath }) => !chosen.has(guestPath));
  const mounts = [...app.directories, ...needed];
  const mounted = new Set(mounts.map(({ guestPath }) => guestPath));
  const inMemory = [...tmpfs, SCRATCH].filter((guestPath) => !mounted.has(guestPath));
  return {
    module: modulePath,
    ...(driver !== undefined && { driver: { path: driver, options } }),
    args,
    env: { ...terminalVariables(process.stdout, process.env), ...env, ...app.env },
    directories: mounts,
    tmpfs: [...new Set([...app.tmpfs, ...inMemory])],
  };
};

/** Stands for a wish to stop that came by no signal; 0 is none, see kill(2). */
const QUIT = 0;

/** The exit status after a signal, as shells have it. */
const statusOf = (signal: number): number => (signal === QUIT ? 0 : 128 + signal);

/** Turns signals into two wishes: stop, and stop now. A signal that comes before anyone listens is kept. */
class StopSignals implements Disposable {
  readonly #received: number[] = [];
  #first: ((signal: number) => void) | undefined;
  #second: (() => void) | undefined;
  readonly #onSignal = (name: NodeJS.Signals): void => this.raise(constants.signals[name]);

  constructor() {
    for (const name of STOP_SIGNALS) process.on(name, this.#onSignal);
  }

  /** As if a signal of this number had come. */
  raise(signal: number): void {
    this.#received.push(signal);
    this.#deliver();
  }

  onFirst(action: (signal: number) => void): void {
    this.#first = action;
    this.#deliver();
  }

  onSecond(action: () => void): void {
    this.#second = action;
    this.#deliver();
  }

  throwIfStopped(): void {
    const [first] = this.#received;
    if (first !== undefined) throw new StoppedWhileStarting(first);
  }

  [Symbol.dispose](): void {
    for (const name of STOP_SIGNALS) process.off(name, this.#onSignal);
  }

  #deliver(): void {
    const [first, second] = this.#received;
    if (first !== undefined) this.#first?.(first);
    if (second !== undefined) this.#second?.();
  }
}
