/** The library: sandboxes as objects of a program. */
import type { Protocol } from '../os/socket.ts';
import { ForwardInfoSchema, SandboxInfoSchema } from '../sandbox/control/sandbox-info.ts';
import type { ForwardInfo, SandboxInfo } from '../sandbox/control/sandbox-info.ts';
import type { SandboxEvent } from '../sandbox/events.ts';
import type { LogEntry } from '../sandbox/log-entry.ts';
import type { SandboxEnd } from '../sandbox/sandbox.ts';
import type { Attachment } from './attachment.ts';
import { FoundSandbox, sandboxesOf } from './found-sandbox.ts';
import { findForward } from './forward-target.ts';
import type { ForwardTarget } from './forward-target.ts';
import type { SandboxOptions } from './options.ts';
import { OwnSandbox } from './own-sandbox.ts';
import { summarize } from './sandbox-summary.ts';
import type { SandboxSummary } from './sandbox-summary.ts';
import { unlessAborted } from './unless-aborted.ts';

/** How long something is waited for. */
export interface WaitOptions {
  /** Gives it up: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** Which sandboxes are looked at. */
export interface FindOptions extends WaitOptions {
  /**
   * What their names in the kernel begin with; absent: as the settings of the working directory say, which is
   * `wasmrun` by default.
   */
  readonly prefix?: string | undefined;
}

/** Options of {@link Sandbox.list}. */
export interface ListOptions extends FindOptions {
  /** Stopped ones, too. */
  readonly all?: boolean | undefined;
}

/** Options of {@link Sandbox.expose}. */
export interface ExposeOptions extends WaitOptions {
  /** Port the app listens on, 1–65535; it need not do so yet. */
  readonly processPort: number;
  /** Port of this machine, 1–65535; absent: any that is free, which is kept from then on. */
  readonly hostPort?: number | undefined;
  /** Absent: `tcp`. */
  readonly protocol?: Protocol | undefined;
  /** Addresses of this machine; absent: those of the sandbox's other forwards. */
  readonly addresses?: readonly string[] | undefined;
  /** Take any free host port where the wanted one is taken. */
  readonly anyPort?: boolean | undefined;
}

/** Options of {@link Sandbox.unexpose}. */
export interface UnexposeOptions extends WaitOptions {
  /** End established connections, too; absent: they may finish. */
  readonly now?: boolean | undefined;
}

/** Options of {@link Sandbox.stop}. */
export interface StopOptions extends WaitOptions {
  /** How long the app may take before it is killed, in ms; absent: 2 s. */
  readonly graceMs?: number | undefined;
}

/** Options of {@link Sandbox.logs}. */
export interface LogsOptions {
  /** Wait for more until the sandbox ends; absent: only what there is. */
  readonly follow?: boolean | undefined;
  /** Ends it, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link Sandbox.events}. */
export interface EventsOptions {
  /** Ends them, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * An app in a network namespace of its own. `await using` is how to have one: at the end of its scope a started one is
 * stopped and everything of it taken away, whatever ends the scope; one that was connected to goes on.
 *
 * A started one lives in this process, which may have several, and ends with it: if that is killed or calls
 * `process.exit`, what it leaves in the kernel is removed a moment later. No signal handlers are installed.
 */
export class Sandbox implements AsyncDisposable {
  readonly #attachment: Attachment;
  #info: SandboxInfo;
  #releasing: Promise<void> | undefined;

  private constructor(attachment: Attachment, info: SandboxInfo) {
    this.#attachment = attachment;
    this.#info = info;
  }

  /**
   * Starts an app; resolves when it listens on all forwarded ports, where there are any.
   * @throws {WasmrunError} whatever stands in the way, APP_ENDED where the app ends before that; nothing is left then
   */
  static async start(options: SandboxOptions): Promise<Sandbox> {
    const { signal } = options;
    const own = await OwnSandbox.start(options);
    const sandbox = new Sandbox(own, freeze(await own.firstInfo()));
    if (signal !== undefined) void sandbox.#stopAt(signal);
    return sandbox;
  }

  /**
   * Finds one that runs, detached, at a terminal or in another process, by its name or the beginning of its id.
   * @throws {WasmrunError} SANDBOX_NOT_FOUND, SANDBOX_NOT_RUNNING, PERMISSION_DENIED
   */
  static async connect(nameOrId: string, { prefix, signal }: FindOptions = {}): Promise<Sandbox> {
    return await unlessAborted(async () => {
      const found = await FoundSandbox.find(nameOrId, prefix);
      return new Sandbox(found, freeze(await found.info()));
    }, signal);
  }

  /**
   * Lists sandboxes in the order of their names: those that run, with `all` the stopped ones as well.
   * @throws {WasmrunError} PERMISSION_DENIED
   */
  static async list({ all = false, prefix, signal }: ListOptions = {}): Promise<readonly SandboxSummary[]> {
    const entries = await unlessAborted(async () => (await sandboxesOf(prefix)).list(), signal);
    return Object.freeze(entries.filter(({ record }) => all || record !== undefined).map(summarize));
  }

  get name(): string {
    return this.#attachment.name;
  }

  /**
   * How the sandbox was when this object last asked: at its start, and after each `expose`, `unexpose`, `reload` and
   * `refresh` of this object. What others do, and what is counted, it takes a {@link Sandbox.refresh} to see. Frozen,
   * with everything in it.
   */
  get info(): SandboxInfo {
    return this.#info;
  }

  /**
   * Asks how the sandbox is now.
   * @throws {WasmrunError} SANDBOX_NOT_RUNNING
   */
  async refresh({ signal }: WaitOptions = {}): Promise<SandboxInfo> {
    this.#info = await unlessAborted(async () => freeze(await this.#attachment.info()), signal);
    return this.#info;
  }

  /**
   * Leads one more host port into the sandbox; the others are not disturbed. Aborted, it is closed again.
   * @throws {WasmrunError} PORT_IN_USE with who has it, PORT_FORBIDDEN, BIND_FAILED, SANDBOX_NOT_RUNNING
   */
  async expose({ signal, protocol = 'tcp', ...request }: ExposeOptions): Promise<ForwardInfo> {
    signal?.throwIfAborted();
    const attachment = this.#attachment;
    const forward = ForwardInfoSchema.parse(await attachment.expose({ ...request, protocol }));
    if (signal?.aborted === true) {
      await attachment.close({ ...identityOf(forward), now: true });
      signal.throwIfAborted();
    }
    await this.refresh();
    return forward;
  }

  /**
   * Gives the host port of a forward back.
   * @param target - its host port, of TCP; or what `expose` returned
   * @throws {WasmrunError} FORWARD_NOT_FOUND, SANDBOX_NOT_RUNNING
   */
  async unexpose(
    target: number | ForwardTarget,
    { now = false, signal }: UnexposeOptions = {},
  ): Promise<void> {
    const { forwards } = await this.refresh({ signal });
    const wanted = typeof target === 'number' ? { hostPort: target } : target;
    const forward = findForward(this.name, forwards, wanted);
    await unlessAborted(() => this.#attachment.close({ ...identityOf(forward), now }), signal);
    await this.refresh({ signal });
  }

  /**
   * Puts a new version of the app in the place of the one that runs, without a refused connection: it is built where
   * there is a build, and its settings are read again. Resolves when it is in charge.
   * @throws {WasmrunError} RELOAD_FAILED: the one before goes on; RELOAD_UNAVAILABLE
   */
  async reload({ signal }: WaitOptions = {}): Promise<void> {
    await unlessAborted(() => this.#attachment.reload(), signal);
    await this.refresh({ signal });
  }

  /**
   * Asks the app to leave, kills it after the grace, and resolves when nothing of the sandbox is left but, of a
   * detached one, its definition. Harmless where it has stopped.
   * @throws {WasmrunError} where something of it could not be removed
   */
  async stop({ graceMs, signal }: StopOptions = {}): Promise<void> {
    await unlessAborted(() => this.#attachment.stop(graceMs), signal);
  }

  /**
   * Resolves when the app has ended, by itself or because it was stopped, and of a started one nothing is left.
   * @throws {WasmrunError} where it failed, SANDBOX_NOT_RUNNING where nobody knows how it ended
   */
  async end({ signal }: WaitOptions = {}): Promise<SandboxEnd> {
    return await unlessAborted(() => this.#attachment.end(signal), signal);
  }

  /**
   * What the app has written, a line each, the oldest first: of a started one the last mebibyte, of a detached one what
   * its log files hold, where `wasmrun` says what happened to it as well.
   * @throws {WasmrunError} SANDBOX_NOT_FOUND of one that writes to the terminal it was started from
   */
  logs({ follow = false, signal }: LogsOptions = {}): AsyncIterable<LogEntry> {
    return this.#attachment.logs({ follow, signal });
  }

  /**
   * What happens from now on, until the sandbox ends; of one that was connected to, from the moment that its answer is
   * here. What is not read yet is kept for whoever asked.
   */
  events({ signal }: EventsOptions = {}): AsyncIterable<SandboxEvent> {
    return this.#attachment.events(signal);
  }

  /** Stops one that was started here; lets go of one that was connected to. Again and again is harmless. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#releasing ??= this.#attachment.release();
    await this.#releasing;
  }

  /** Until it has ended. */
  async #stopAt(signal: AbortSignal): Promise<void> {
    // What goes wrong, whoever disposes of it is told.
    const stop = (): void => void this.stop().catch(() => {});
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    await Promise.allSettled([this.#attachment.end(undefined)]);
    signal.removeEventListener('abort', stop);
  }
}

/** The schema copies, and freezes at every depth. */
const freeze = (info: SandboxInfo): SandboxInfo => SandboxInfoSchema.parse(info);

const identityOf = ({ protocol, hostPort, processPort }: ForwardInfo) => ({
  protocol,
  hostPort,
  processPort,
});
