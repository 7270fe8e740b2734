/** A sandbox whose supervisor is in this process: it ends when its app does, or when it is released. */
import { setImmediate as turn } from 'node:timers/promises';
import { WasmrunError } from '../errors.ts';
import { silentLog } from '../log.ts';
import { readApp } from '../read-app.ts';
import type { ResolveOptions } from '../runtime/resolve.ts';
import type { CloseRequest, ExposeRequest } from '../sandbox/control/sandbox-control.ts';
import type { ForwardInfo, SandboxInfo } from '../sandbox/control/sandbox-info.ts';
import type { SandboxEvent } from '../sandbox/events.ts';
import type { LogEntry } from '../sandbox/log-entry.ts';
import type { SandboxEnd } from '../sandbox/sandbox.ts';
import { Supervisor } from '../supervisor.ts';
import { READY_PATIENCE_MS, warnOfObstacles } from '../wasmrun.ts';
import type { Attachment, LogReading } from './attachment.ts';
import { launchOptions } from './options.ts';
import type { SandboxOptions } from './options.ts';
import { OutputMemory } from './output-memory.ts';
import { STOPPED_STATUS } from '../stop-signals.ts';
import { unlessAborted } from './unless-aborted.ts';

/** So many lines of an app that ends at once are told. */
const LAST_LINES = 5;

export class OwnSandbox implements Attachment {
  readonly #supervisor: Supervisor;
  readonly #memory: OutputMemory;
  /** How it was when its app began: that may be all it does. */
  readonly #first: Promise<SandboxInfo>;
  readonly #ended: Promise<SandboxEnd>;
  /** Ended, and nothing is left. */
  readonly #gone: Promise<void>;
  #isOver = false;

  private constructor(supervisor: Supervisor, memory: OutputMemory) {
    this.#supervisor = supervisor;
    this.#memory = memory;
    this.#first = supervisor.info();
    this.#ended = supervisor.end();
    this.#gone = this.#unmake();
    // Looked at later, perhaps by nobody.
    this.#gone.catch(() => {});
  }

  /** @throws {WasmrunError} whatever stands in the way, or the reason of the signal; nothing is left then */
  static async start(options: SandboxOptions): Promise<OwnSandbox> {
    const { signal, log = silentLog, watch = false, output, readyMs = READY_PATIENCE_MS } = options;
    const throwIfAborted = (): void => signal?.throwIfAborted();
    const { app: path, flags, givenBy } = launchOptions(options);
    const read = (how: ResolveOptions) => readApp(log, path, flags, { ...how, ...givenBy });
    const { settings, app, warnings, file } = await unlessAborted(
      () => read(signal === undefined ? {} : { signal }),
      signal,
    );
    for (const warning of [...warnings, ...(app.program.notices ?? [])]) log.warn(warning);
    const memory = new OutputMemory();
    const supervisor = await Supervisor.start({
      settings,
      app,
      log,
      events: (event) => remember(event, memory, output),
      captureOutput: true,
      onStep: throwIfAborted,
      onWait: throwIfAborted,
      versions: {
        refresh: (isBuilt, signal) => read({ build: isBuilt ? 'now' : 'no', signal }),
        whenEnded: watch ? 'wait' : 'no',
        watchRoot: watch ? (file ?? app.directory) : undefined,
      },
    });
    // A word of advice: nothing waits for it or fails with it.
    warnOfObstacles(supervisor.forwards, { settings, log }).catch((error: unknown) =>
      log.detail(String(error)),
    );
    const own = new OwnSandbox(supervisor, memory);
    try {
      const silent = await own.#becomeReady(readyMs, signal);
      if (silent.length > 0) log.warn(`nothing listens on port ${silent.join(', ')} yet`);
      return own;
    } catch (error) {
      await own.release();
      throw error;
    }
  }

  get name(): string {
    return this.#supervisor.name;
  }

  /** How it is, or was when its app began where that has ended. */
  async firstInfo(): Promise<SandboxInfo> {
    try {
      return await this.info();
    } catch {
      return await this.#first;
    }
  }

  async info(): Promise<SandboxInfo> {
    return await this.#whileItRuns(() => this.#supervisor.info());
  }

  async expose(request: ExposeRequest): Promise<ForwardInfo> {
    return await this.#whileItRuns(() => this.#supervisor.expose(request));
  }

  async close(request: CloseRequest): Promise<void> {
    await this.#whileItRuns(() => this.#supervisor.close(request));
  }

  async reload(): Promise<void> {
    await this.#whileItRuns(() => this.#supervisor.reload());
  }

  events(signal?: AbortSignal): AsyncIterable<SandboxEvent> {
    return this.#supervisor.events(signal);
  }

  logs(how: LogReading): AsyncIterable<LogEntry> {
    return this.#memory.read(how);
  }

  async end(): Promise<SandboxEnd> {
    await this.#gone;
    return await this.#ended;
  }

  async stop(graceMs?: number): Promise<void> {
    if (!this.#isOver) this.#supervisor.leave(STOPPED_STATUS, graceMs);
    await this.#gone;
  }

  async release(): Promise<void> {
    await this.stop();
  }

  async #unmake(): Promise<void> {
    await Promise.allSettled([this.#ended, this.#first]);
    this.#isOver = true;
    this.#memory.end();
    await this.#supervisor[Symbol.asyncDispose]();
  }

  /** @throws {WasmrunError} SANDBOX_NOT_RUNNING, also where it ends meanwhile */
  async #whileItRuns<Result>(action: () => Promise<Result>): Promise<Result> {
    const gone = (cause?: unknown): WasmrunError =>
      new WasmrunError('SANDBOX_NOT_RUNNING', `${this.name} does not run any more`, { cause });
    if (this.#isOver) throw gone();
    try {
      return await action();
    } catch (error) {
      throw this.#isOver ? gone(error) : error;
    }
  }

  /** @returns ports that nothing listens on yet, although the app has had its time */
  async #becomeReady(readyMs: number, signal: AbortSignal | undefined): Promise<readonly string[]> {
    // What has no port to listen on may be done in a moment, and that is as it should be.
    if (this.#supervisor.forwards.length === 0) return [];
    const silent = await unlessAborted(() => this.#supervisor.isReady(readyMs), signal);
    if (silent.length === 0) return [];
    // It may have stopped waiting because there is nothing left to wait for.
    const end = await Promise.race([this.#ended, turn(undefined)]);
    if (end === undefined) return silent;
    const words = this.#memory.tail(LAST_LINES);
    throw new WasmrunError(
      'APP_ENDED',
      `${this.name} ended with status ${end.status} before it listened on port ${silent.join(', ')}`,
      words === '' ? {} : { hint: `its last words were:\n${words}` },
    );
  }
}

const remember = (event: SandboxEvent, memory: OutputMemory, output: SandboxOptions['output']): void => {
  if (event.type !== 'output') return;
  const { stream, text } = event;
  memory.append({ time: Date.now(), stream, text });
  if (output === 'inherit') process[stream].write(text);
};
