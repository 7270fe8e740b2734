/**
 * Supervises one sandbox: starts it, brings new versions of its app, opens and closes its forwards, and answers on
 * its control socket. Everything that can be asked of a running sandbox is done here, whoever asks.
 */
import { EventEmitter, on } from 'node:events';
import type { Settings } from './config/settings.ts';
import { defineSandbox } from './define-sandbox.ts';
import type { StoredParts } from './define-sandbox.ts';
import { WasmrunError } from './errors.ts';
import { LiveReload } from './live-reload.ts';
import type { WhenEnded } from './live-reload.ts';
import type { Log } from './log.ts';
import { formatPort } from './network/forward.ts';
import type { HeldForward } from './network/transport.ts';
import { FIREWALLS, ISOLATIONS, transportsFor } from './platform.ts';
import type { ResolvedApp } from './runtime/resolve.ts';
import { ControlServer } from './sandbox/control/control-server.ts';
import type { CloseRequest, ExposeRequest, SandboxControl } from './sandbox/control/sandbox-control.ts';
import type { ForwardInfo, SandboxInfo } from './sandbox/control/sandbox-info.ts';
import type { SandboxDefinition } from './sandbox/definition.ts';
import type { SandboxEvent } from './sandbox/events.ts';
import { describeForward, describeSandbox } from './sandbox/description.ts';
import { Sandbox } from './sandbox/sandbox.ts';
import type { SandboxEnd } from './sandbox/sandbox.ts';
import type { SandboxStep } from './sandbox/start.ts';
import { State } from './sandbox/state.ts';

/** When an app without a port to listen on counts as running, in ms. */
const SETTLED_MS = 500;
/** As of a process that SIGTERM has ended. */
const STOPPED_STATUS = 128 + 15;

export interface SuperviseRequest {
  readonly settings: Settings;
  readonly app: ResolvedApp;
  readonly log: Log;
  readonly events: (event: SandboxEvent) => void;
  /** Report the guest's output as events instead of passing it through. */
  readonly captureOutput: boolean;
  /** Called after each step of the start. */
  readonly onStep?: ((step: SandboxStep) => void) | undefined;
  /** Called again and again while the start waits for another wasmrun; throwing abandons it. */
  readonly onWait?: (() => void) | undefined;
  /** How new versions of the app are made; absent: it runs once, as it is. */
  readonly versions?: VersionsRequest | undefined;
  /** Of a detached sandbox: what is stored of it. */
  readonly stored?: StoredParts | undefined;
  /** Called with all forwards after each change, before whoever asked for it is told. */
  readonly onForwards?: ((forwards: readonly HeldForward[]) => Promise<void>) | undefined;
}

export interface VersionsRequest {
  /**
   * Reads the settings again and makes the app ready.
   * @param build - run the build, where there is one
   * @param signal - ends that build
   */
  readonly refresh: (
    build: boolean,
    signal: AbortSignal,
  ) => Promise<{ readonly settings: Settings; readonly app: ResolvedApp }>;
  /** What is done when the app has ended by itself. */
  readonly whenEnded: WhenEnded;
  /** Absolute path of what is watched: the app's directory, or the file it consists of; absent: nothing. */
  readonly watchRoot?: string | undefined;
}

export class Supervisor implements SandboxControl, AsyncDisposable {
  readonly #request: SuperviseRequest;
  readonly #made = new AsyncDisposableStack();
  readonly #watching = new AsyncDisposableStack();
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  #sandbox: Sandbox | undefined;
  #live: LiveReload | undefined;

  private constructor(request: SuperviseRequest) {
    this.#request = request;
  }

  /** @throws {WasmrunError} when it cannot be started; nothing is left behind then */
  static async start(request: SuperviseRequest): Promise<Supervisor> {
    const supervisor = new Supervisor(request);
    try {
      await supervisor.#start();
      return supervisor;
    } catch (error) {
      await supervisor[Symbol.asyncDispose]();
      throw error;
    }
  }

  get name(): string {
    return this.#running.name;
  }

  get forwards(): readonly HeldForward[] {
    return this.#running.forwards;
  }

  /** A new version because a person at the terminal wants one; what becomes of it, events tell. */
  restart(): void {
    this.#live?.restart();
  }

  /** @param status - the exit status that {@link end} is to tell then */
  leave(status: number): void {
    void this.#watching.disposeAsync();
    this.#running.stop(status);
  }

  kill(): void {
    this.#running.kill();
  }

  /**
   * Resolves when the guest is gone; where the sandbox outlives its guest, when it was stopped.
   * @throws {WasmrunError} when the engine or a forward failed
   */
  async end(): Promise<SandboxEnd> {
    try {
      return await this.#running.end();
    } finally {
      this.#emitter.emit('over');
    }
  }

  /**
   * Resolves when the app listens on all forwarded ports; where there are none, when it has run for a moment. At the
   * latest after `patienceMs`, with the ports that nothing listens on yet.
   */
  async isReady(patienceMs: number): Promise<readonly string[]> {
    const { ports } = this.#running;
    const signal = AbortSignal.timeout(ports.states.length === 0 ? SETTLED_MS : patienceMs);
    const events = this.events(signal);
    const isOpen = (): boolean => ports.states.length > 0 && ports.silent.length === 0;
    if (!isOpen()) for await (const _ of events) if (isOpen()) break;
    return ports.silent;
  }

  async info(): Promise<SandboxInfo> {
    return await describeSandbox(this.#running, { restarts: this.#live?.restarts ?? 0 });
  }

  async expose(request: ExposeRequest): Promise<ForwardInfo> {
    const { protocol, hostPort = 0, processPort, anyPort = false } = request;
    const addresses = request.addresses ?? this.#request.settings.network.bind;
    const requested = { protocol, addresses, hostPort, processPort };
    const { ports } = this.#running;
    try {
      return describeForward(await ports.expose(requested));
    } catch (error) {
      const isTaken = error instanceof WasmrunError && error.code === 'PORT_IN_USE';
      if (!isTaken || !anyPort || hostPort === 0) throw error;
      return describeForward(await ports.expose({ ...requested, hostPort: 0 }));
    }
  }

  async close({ protocol, hostPort, processPort, now = false }: CloseRequest): Promise<void> {
    const sandbox = this.#running;
    const closed = await sandbox.ports.close(
      ({ forward }) =>
        forward.protocol === protocol && forward.hostPort === hostPort && forward.processPort === processPort,
      { cut: now },
    );
    if (closed !== undefined) return;
    const all = sandbox.forwards.map((forward) =>
      formatPort(`${forward.hostPort}:${forward.processPort}`, forward.protocol),
    );
    const wanted = formatPort(`${hostPort}:${processPort}`, protocol);
    throw new WasmrunError('FORWARD_NOT_FOUND', `${sandbox.name} has no forward ${wanted}`, {
      hint: all.length === 0 ? 'it has none at all' : `it has ${all.join(', ')}`,
    });
  }

  async reload(): Promise<void> {
    if (this.#live === undefined) {
      throw new WasmrunError('RELOAD_UNAVAILABLE', `${this.name} runs as it was started, once`, {
        hint: 'start it with --watch or --detach',
      });
    }
    using listening = new DisposableStack();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const hear = (event: SandboxEvent): void => {
      if (event.type === 'reloaded') resolve();
      if (event.type !== 'reload-failed') return;
      const { message, hint } = event;
      reject(new WasmrunError('RELOAD_FAILED', message, hint === undefined ? {} : { hint }));
    };
    const gone = (): void => reject(new WasmrunError('SANDBOX_NOT_RUNNING', `${this.name} was stopped`));
    this.#emitter.on('event', hear).once('over', gone);
    listening.defer(() => this.#emitter.off('event', hear).off('over', gone));
    this.#live.restart();
    await promise;
  }

  async stop(): Promise<void> {
    if (this.#running.isStopping) this.kill();
    else this.leave(STOPPED_STATUS);
  }

  events(signal?: AbortSignal): AsyncIterable<SandboxEvent> {
    // From now on, not from when the first one is asked for.
    const source = on(this.#emitter, 'event', { close: ['over'], ...(signal !== undefined && { signal }) });
    return unwrap(source, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watching.disposeAsync();
    await this.#made.disposeAsync();
  }

  get #running(): Sandbox {
    if (this.#sandbox === undefined) throw new Error('the sandbox has not been started');
    return this.#sandbox;
  }

  async #start(): Promise<void> {
    const { settings, app, log, stored, captureOutput, onStep, onWait, onForwards, versions } = this.#request;
    const definition = defineSandbox({ settings, app, stored });
    const onEvent = (event: SandboxEvent): void => this.#tell(event);
    // Changes from now on are not missed.
    const live = versions && (await this.#bringVersions(versions, definition));
    this.#live = live;
    const sandbox = await Sandbox.start(definition, {
      log,
      isolations: ISOLATIONS,
      firewalls: FIREWALLS,
      transports: transportsFor(process.platform),
      onEvent,
      onStep,
      onWait,
      onForwards,
      captureOutput,
      onGuestEnd: live && ((end) => live.guestEnded(end)),
    });
    this.#sandbox = this.#made.use(sandbox);
    await onForwards?.(sandbox.forwards);
    const path = new State(definition.prefix).controlPath(sandbox.name);
    this.#made.use(await ControlServer.listen({ path, control: this, log }));
    live?.begin(sandbox);
  }

  /** Makes new versions of the app when they are asked for, and when its files change, where those are watched. */
  async #bringVersions(
    { refresh, whenEnded, watchRoot }: VersionsRequest,
    definition: SandboxDefinition,
  ): Promise<LiveReload> {
    const { settings, app, log, stored } = this.#request;
    const { configFile, watch, build } = settings;
    const watched =
      watchRoot === undefined
        ? undefined
        : await (
            await import('./watch/watch.ts')
          ).watchFiles({
            root: watchRoot,
            paths: [
              ...watch.paths,
              ...(configFile === undefined ? [] : [configFile]),
              app.program.modulePath,
            ],
            ignore: watch.ignore,
            includeNodeModules: watch.includeNodeModules,
            outputs: build.output === undefined ? [] : [build.output],
            debounceMs: watch.debounceMs,
            pollMs: watch.pollMs,
            log,
            onBatch: ({ files }) => reload.changed(files.map(({ path }) => path)),
          });
    if (watched !== undefined) this.#watching.use(watched);
    const reload: LiveReload = this.#watching.use(
      new LiveReload(
        {
          directory: app.directory,
          configFile,
          policy: watch.reload,
          graceMs: watch.graceMs,
          whenEnded,
          refresh: async (isBuilt, signal) => {
            await using _ = watched?.hold();
            return defineSandbox({ ...(await refresh(isBuilt, signal)), stored });
          },
          log,
          onEvent: (event) => this.#tell(event),
        },
        definition,
      ),
    );
    return reload;
  }

  #tell(event: SandboxEvent): void {
    this.#request.events(event);
    this.#emitter.emit('event', event);
  }
}

async function* unwrap(
  source: AsyncIterable<readonly unknown[]>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SandboxEvent> {
  try {
    for await (const [event] of source) yield event as SandboxEvent;
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}
