/** A sandbox that somebody else runs, driven over its control socket: letting go of it does not stop it. */
import { loadAppSettings } from '../app-settings.ts';
import { WasmrunError } from '../errors.ts';
import { silentLog } from '../log.ts';
import type { CloseRequest, ExposeRequest, SandboxControl } from '../sandbox/control/sandbox-control.ts';
import type { ForwardInfo, SandboxInfo } from '../sandbox/control/sandbox-info.ts';
import type { SandboxEvent } from '../sandbox/events.ts';
import type { LogEntry } from '../sandbox/log-entry.ts';
import type { SandboxEnd } from '../sandbox/sandbox.ts';
import { Sandboxes } from '../sandboxes.ts';
import type { Attachment, LogReading } from './attachment.ts';
import { environmentWith } from './options.ts';

/**
 * The sandboxes of a prefix; absent: of the one that the settings of the working directory have.
 * @throws {WasmrunError} NAME_INVALID, or what is wrong with the settings
 */
export const sandboxesOf = async (prefix: string | undefined): Promise<Sandboxes> => {
  const environment = environmentWith(prefix);
  if (prefix !== undefined) return new Sandboxes(prefix, silentLog);
  const { settings } = await loadAppSettings(process.cwd(), {}, { environment });
  return new Sandboxes(settings.network.namespacePrefix, silentLog);
};

export class FoundSandbox implements Attachment {
  readonly name: string;
  readonly #control: SandboxControl;
  readonly #sandboxes: Sandboxes;
  /** Ends what is read from it. */
  readonly #released = new AbortController();

  private constructor(sandboxes: Sandboxes, name: string, control: SandboxControl) {
    this.#sandboxes = sandboxes;
    this.name = name;
    this.#control = control;
  }

  /** @throws {WasmrunError} SANDBOX_NOT_FOUND, SANDBOX_NOT_RUNNING */
  static async find(nameOrId: string, prefix: string | undefined): Promise<FoundSandbox> {
    const sandboxes = await sandboxesOf(prefix);
    const { record, control } = await sandboxes.control(nameOrId);
    return new FoundSandbox(sandboxes, record.name, control);
  }

  async info(): Promise<SandboxInfo> {
    return await this.#control.info();
  }

  async expose(request: ExposeRequest): Promise<ForwardInfo> {
    return await this.#control.expose(request);
  }

  async close(request: CloseRequest): Promise<void> {
    await this.#control.close(request);
  }

  async reload(): Promise<void> {
    await this.#control.reload();
  }

  events(signal?: AbortSignal): AsyncIterable<SandboxEvent> {
    return this.#control.events(this.#untilReleased(signal));
  }

  async *logs(how: LogReading): AsyncGenerator<LogEntry> {
    const { readDetachedLog } = await import('../detached-log.ts');
    const signal = this.#untilReleased(how.signal);
    yield* readDetachedLog(this.#sandboxes, this.name, { ...how, signal });
  }

  async end(signal: AbortSignal | undefined): Promise<SandboxEnd> {
    for await (const event of this.events(signal)) {
      if (event.type === 'exited') return { status: event.status, reason: event.reason };
    }
    throw new WasmrunError('SANDBOX_NOT_RUNNING', `${this.name} is gone and has not said how it ended`);
  }

  async stop(graceMs?: number): Promise<void> {
    try {
      await this.#sandboxes.stop(this.name, { graceMs });
    } catch (error) {
      // Only detached ones are known when they have stopped.
      if (!(error instanceof WasmrunError && error.code === 'SANDBOX_NOT_FOUND')) throw error;
    }
  }

  async release(): Promise<void> {
    this.#released.abort();
  }

  #untilReleased(signal: AbortSignal | undefined): AbortSignal {
    const released = this.#released.signal;
    return signal === undefined ? released : AbortSignal.any([released, signal]);
  }
}
