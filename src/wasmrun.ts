/** The composition root: how settings become a sandbox. */
import type { VersionsRequest } from './app-versions.ts';
import { defineSandbox } from './define-sandbox.ts';
import { EXIT_STATUS, WasmrunError } from './errors.ts';
import { silentLog } from './log.ts';
import type { Log } from './log.ts';
import { isLoopback } from './network/loopback.ts';
import type { IsolationName } from './network/names.ts';
import type { HeldForward } from './network/transport.ts';
import { findTransport, FIREWALLS, ISOLATIONS, transportsFor } from './platform.ts';
import { planSandbox, type SandboxPlan } from './sandbox/plan.ts';
import type { RequestedForward } from './sandbox/definition.ts';
import { reclaim } from './sandbox/reclaim.ts';
import { State } from './sandbox/state.ts';
import type { Store } from './sandbox/store.ts';
import type { StoredSandbox } from './sandbox/stored-sandbox.ts';
import { waitNotice } from './sandbox/wait-notice.ts';
import { QUIT, StopSignals, StoppedWhileStarting, statusOf } from './stop-signals.ts';
import { Supervisor } from './supervisor.ts';
import type { SuperviseRequest } from './supervisor.ts';

export interface RunRequest extends Omit<SuperviseRequest, 'onWait' | 'versions' | 'stored' | 'onForwards'> {
  /** Changes of its files bring a new version of the app. */
  readonly watch?: WatchRequest | undefined;
}

export interface WatchRequest extends Pick<VersionsRequest, 'refresh'> {
  /** Absolute path of the app: its directory, or the single file it consists of. */
  readonly root: string;
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

/** How long an app may take until it listens before whoever started it is told so, in ms. */
export const READY_PATIENCE_MS = 30_000;

/**
 * Runs an app in a sandbox of its own until it ends or a signal stops it. SIGINT, SIGTERM and SIGHUP stop
 * it orderly, a second one kills it.
 * @returns the exit status for this process: the guest's own, 128 + n after signal n
 * @throws {WasmrunError} when the sandbox cannot be started, or fails
 */
export const runSandbox = async (request: RunRequest): Promise<number> => {
  using signals = new StopSignals();
  const { events, watch } = request;
  try {
    await using supervisor = await Supervisor.start({
      ...request,
      ...untilStopped(signals, request.onStep),
      versions: watch && { refresh: watch.refresh, whenEnded: 'wait', watchRoot: watch.root },
    });
    const controls = { restart: () => supervisor.restart(), quit: () => signals.raise(QUIT) };
    using _keys = watch?.onWatching?.(controls);
    attend(supervisor, signals, request);
    const { status } = await supervisor.end();
    return status;
  } catch (error) {
    return endWhileStarting(error, events);
  }
};

/** A start that a signal ends. */
const untilStopped = (
  signals: StopSignals,
  onStep?: SuperviseRequest['onStep'],
): Pick<SuperviseRequest, 'onStep' | 'onWait'> => ({
  onStep: (step) => {
    onStep?.(step);
    // The last one: from then on a guest is there to be stopped.
    if (step !== 'go') signals.throwIfStopped();
  },
  onWait: () => signals.throwIfStopped(),
});

/** Says what is to be said of a sandbox that runs, and has signals end it. */
const attend = (
  supervisor: Supervisor,
  signals: StopSignals,
  { app, settings, log }: Pick<RunRequest, 'app' | 'settings' | 'log'>,
): void => {
  for (const text of app.program.notices ?? []) log.warn(text);
  // A word of advice: nothing waits for it or fails with it.
  warnOfObstacles(supervisor.forwards, { settings, log }).catch((error: unknown) =>
    log.detail(String(error)),
  );
  signals.onFirst((signal) => supervisor.leave(statusOf(signal)));
  signals.onSecond(() => supervisor.kill());
};

/** The exit status where a signal has ended the start; whatever else it was is thrown again. */
const endWhileStarting = (error: unknown, events: RunRequest['events']): number => {
  if (!(error instanceof StoppedWhileStarting)) throw error;
  events({ type: 'exited', status: error.status, reason: 'stopped' });
  return error.status;
};

export interface DetachedRequest extends Pick<RunRequest, 'settings' | 'app' | 'log' | 'events'> {
  readonly stored: StoredSandbox;
  /** Keeps its forwards, and how it ended. */
  readonly store: Store;
  readonly refresh: VersionsRequest['refresh'];
  /** Absolute path of what is watched; absent: nothing. */
  readonly watchRoot: string | undefined;
  /**
   * Called once, when the app listens on all forwarded ports, or has had its time for that.
   * @param silent - ports that nothing listens on yet
   */
  readonly onReady: (silent: readonly string[]) => void;
}

/**
 * Runs a stored sandbox until it is stopped, or its app ends and its restart policy leaves it at that.
 * @returns the exit status for this process
 * @throws {WasmrunError} as {@link runSandbox}
 */
export const runDetached = async (request: DetachedRequest): Promise<number> => {
  using signals = new StopSignals();
  try {
    return await runAttended(request, signals);
  } catch (error) {
    return endWhileStarting(error, request.events);
  }
};

const runAttended = async (request: DetachedRequest, signals: StopSignals): Promise<number> => {
  const { stored, store, settings, app, log, events, refresh, watchRoot, onReady } = request;
  const { name, id, restart } = stored;
  const whenEnded = restart === 'no' && watchRoot !== undefined ? 'wait' : restart;
  await using supervisor = await Supervisor.start({
    settings,
    app,
    log,
    events,
    captureOutput: true,
    stored: { name, id, forwards: stored.forwards },
    versions: { refresh, whenEnded, watchRoot },
    ...untilStopped(signals),
    onForwards: async (forwards) => {
      await store.change(name, () => ({ forwards: forwards.map(asRequested) }));
    },
  });
  attend(supervisor, signals, request);
  supervisor.isReady(READY_PATIENCE_MS).then(onReady, () => {});
  try {
    const { status, reason } = await supervisor.end();
    if (reason !== 'stopped') await noteEnd(store, name, status);
    return status;
  } catch (error) {
    await noteEnd(store, name, error instanceof WasmrunError ? error.exitStatus : EXIT_STATUS.failed);
    throw error;
  }
};

const noteEnd = async (store: Store, name: string, status: number): Promise<void> => {
  await store.change(name, () => ({ ended: { status, at: Date.now() } }));
};

const asRequested = ({ protocol, addresses, hostPort, processPort }: HeldForward): RequestedForward => ({
  protocol,
  addresses,
  hostPort,
  processPort,
});

/** One line for each firewall of others that lets nobody reach what is open to more than this machine. */
export const warnOfObstacles = async (
  forwards: readonly HeldForward[],
  { settings, log }: Pick<RunRequest, 'settings' | 'log'>,
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
