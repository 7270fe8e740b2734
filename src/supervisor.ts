/**
 * Supervises one sandbox: starts it, brings new versions of its app, opens and closes its forwards, and answers on
 * its control socket. Everything that can be asked of a running sandbox is done here, whoever asks.
 */
import { EventEmitter, on } from 'node:events';
import type { Settings } from './config/settings.ts';
import { defineSandbox } from './define-sandbox.ts';
import type { StoredParts } from './define-sandbox.ts';
import { WasmrunError } from './errors.ts';
import type { VersionsRequest } from './app-versions.ts';
import type { LiveReload } from './live-reload.ts';
import type { Log } from './log.ts';
import { formatMapping, forwardNotFound } from './network/forward.ts';
import type { HeldForward } from './network/transport.ts';
import { FIREWALLS, ISOLATIONS, transportsFor } from './platform.ts';
import type { ResolvedApp } from './runtime/resolve.ts';
import { ControlServer } from './sandbox/control/control-server.ts';
import type {
  CloseRequest,
  ExposeRequest,
  SandboxControl,
  StopRequest,
} from './sandbox/control/sandbox-control.ts';
import type { ForwardInfo, SandboxInfo } from './sandbox/control/sandbox-info.ts';
import type { SandboxEvent } from './sandbox/events.ts';
import { Sandbox } from './sandbox/sandbox.ts';
import type { SandboxEnd } from './sandbox/sandbox.ts';
import type { SandboxStep } from './sandbox/start.ts';
import { State } from './sandbox/state.ts';
import { STOPPED_STATUS } from './stop-signals.ts';

/** When an app without a port to listen on counts as running, in ms. */
const SETTLED_MS = 500;

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

export class Supervisor implements SandboxControl, AsyncDisposable {
  readonly #request: SuperviseRequest;
  readonly #made = new AsyncDisposableStack();
  readonly #watching = new AsyncDisposableStack();
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  #sandbox: Sandbox | undefined;
  #live: LiveReload | undefined;
  #isOver = false;

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

  /**
   * @param status - the exit status that {@link end} is to tell then
   * @param graceMs - how long the app may take before it is killed, in ms
   */
  leave(status: number, graceMs?: number): void {
    void this.#watching.disposeAsync();
    this.#running.stop(status, graceMs);
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
      this.#isOver = true;
      this.#emitter.emit('over');
    }
  }

  /**
   * Resolves when all forwards are open; where there are none, when the app has run for a moment. At the latest after
   * `patienceMs`, with the ports that nothing listens on yet.
   */
  async isReady(patienceMs: number): Promise<readonly string[]> {
    const { ports } = this.#running;
    const signal = AbortSignal.timeout(ports.states.length === 0 ? SETTLED_MS : patienceMs);
    const events = this.events(signal);
    const isOpen = (): boolean =>
      ports.states.length > 0 && ports.states.every(({ carrier }) => carrier !== undefined);
    if (!isOpen()) for await (const _ of events) if (isOpen()) break;
    return ports.silent;
  }

  async info(): Promise<SandboxInfo> {
    const { describeSandbox } = await import('./sandbox/description.ts');
    return await describeSandbox(this.#running, { restarts: this.#live?.restarts ?? 0 });
  }

  async expose(request: ExposeRequest): Promise<ForwardInfo> {
    const { protocol, hostPort = 0, processPort, anyPort = false } = request;
    const addresses = request.addresses ?? this.#request.settings.network.bind;
    const requested = { protocol, addresses, hostPort, processPort };
    const { ports } = this.#running;
    const { describeForward } = await import('./sandbox/description.ts');
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
    throw forwardNotFound(sandbox.name, formatMapping({ protocol, hostPort, processPort }), sandbox.forwards);
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

  async stop({ graceMs }: StopRequest = {}): Promise<void> {
    if (this.#running.isStopping && graceMs === undefined) this.kill();
    else this.leave(STOPPED_STATUS, graceMs);
  }

  events(signal?: AbortSignal): AsyncIterable<SandboxEvent> {
    if (this.#isOver || signal?.aborted === true) return none();
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
    if (process.platform !== 'linux') {
      throw new WasmrunError(
        'UNSUPPORTED_PLATFORM',
        `wasmrun needs Linux namespaces, this is ${process.platform}`,
        { hint: 'Run it inside a Linux virtual machine.' },
      );
    }
    const { settings, app, log, stored, captureOutput, onStep, onWait, onForwards, versions } = this.#request;
    const definition = defineSandbox({ settings, app, stored });
    const onEvent = (event: SandboxEvent): void => this.#tell(event);
    // Changes from now on are not missed.
    if (versions !== undefined) {
      const { bringVersions } = await import('./app-versions.ts');
      const request = { settings, app, log, stored, onEvent, ...versions };
      this.#live = await bringVersions(request, definition, this.#watching);
    }
    const live = this.#live;
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

  #tell(event: SandboxEvent): void {
    this.#request.events(event);
    this.#emitter.emit('event', event);
  }
}

async function* none(): AsyncGenerator<never> {}

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
