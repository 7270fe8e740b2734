/** What can be asked of a running sandbox, by whoever drives it: in its own process, or over its control socket. */
import type { Protocol } from '../../os/socket.ts';
import type { SandboxEvent } from '../events.ts';
import type { ForwardInfo, SandboxInfo } from './sandbox-info.ts';

/** A forward to be opened while the sandbox runs. */
export interface ExposeRequest {
  readonly protocol: Protocol;
  /** Host addresses to listen on; absent: where the sandbox's other forwards do (`bind`). */
  readonly addresses?: readonly string[] | undefined;
  /** 1–65535; absent: any that is free, which is kept from then on. */
  readonly hostPort?: number | undefined;
  /** 1–65535 */
  readonly processPort: number;
  /** Take any free host port where the wanted one is taken. */
  readonly anyPort?: boolean | undefined;
}

/** Which forward is to be closed. */
export interface CloseRequest {
  readonly protocol: Protocol;
  readonly hostPort: number;
  readonly processPort: number;
  /** End established connections too, instead of letting them finish. */
  readonly now?: boolean | undefined;
}

export interface StopRequest {
  /** How long the app may take before it is killed, in ms; absent: 2 s. */
  readonly graceMs?: number | undefined;
}

export interface SandboxControl {
  info(): Promise<SandboxInfo>;
  /**
   * Leads one more host port into the sandbox; the others are not disturbed.
   * @throws {WasmrunError} PORT_IN_USE with who has it, PORT_FORBIDDEN, BIND_FAILED
   */
  expose(request: ExposeRequest): Promise<ForwardInfo>;
  /** @throws {WasmrunError} FORWARD_NOT_FOUND */
  close(request: CloseRequest): Promise<void>;
  /**
   * Puts a new version of the app in the place of the one that runs; resolves when it is in charge.
   * @throws {WasmrunError} where it did not become ready: the old one goes on
   */
  reload(): Promise<void>;
  /** Asks the app to leave, as SIGTERM does; a second time it is killed. Resolves when that is on its way. */
  stop(request?: StopRequest): Promise<void>;
  /** What happens from now on, until the sandbox ends; nothing where it has. */
  events(signal?: AbortSignal): AsyncIterable<SandboxEvent>;
}
