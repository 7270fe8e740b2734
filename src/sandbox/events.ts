/** What happens to a sandbox, for the command line to print and for programs to read. */
import type { IsolationName } from '../network/names.ts';
import type { Carrier } from '../network/transport.ts';
import type { Protocol } from '../os/socket.ts';

/** The sandbox stands; the guest starts now. */
export interface StartedEvent {
  readonly type: 'started';
  readonly name: string;
  readonly isolation: IsolationName;
  /** Network namespace as `ip netns` lists it; with the isolation `namespace` only. */
  readonly namespace?: string;
  /** The sandbox's own IPv4 address; with the isolation `namespace` only. */
  readonly address?: string;
}

/** The guest listens on a process port, or has bound it for UDP, and its forward is open. */
export interface ForwardEvent {
  readonly type: 'forward';
  /** Host addresses, e.g. `127.0.0.1` and `::1`. */
  readonly addresses: readonly string[];
  readonly hostPort: number;
  readonly processPort: number;
  readonly protocol: Protocol;
  /** What carries it; `relay` for datagrams that no transport carries. */
  readonly transport: Carrier;
}

/** A forward was taken away while the sandbox runs. */
export interface ClosedEvent extends Omit<ForwardEvent, 'type' | 'transport'> {
  readonly type: 'closed';
}

/** A new version of the guest has taken the place of the last. */
export interface ReloadedEvent {
  readonly type: 'reloaded';
  /** 1 for the first version, so 2 or more. */
  readonly generation: number;
  /** What changed, relative to the app; empty where a person asked for it, or a crash was the reason. */
  readonly files: readonly string[];
  /** From the change to the new version being ready, in ms. */
  readonly ms: number;
}

/** A new version did not become ready; the one before goes on where there is one. */
export interface ReloadFailedEvent {
  readonly type: 'reload-failed';
  readonly files: readonly string[];
  /** As of an error. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** Which version goes on; absent: none, the next change is waited for. */
  readonly serving?: number;
  /** From the change to the failure, in ms. */
  readonly ms: number;
}

/** Guest output, where it is captured. */
export interface OutputEvent {
  readonly type: 'output';
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** Something the user should know about the guest. */
export interface NoticeEvent {
  readonly type: 'notice';
  readonly text: string;
}

/** The guest wanted to reach something outside and may not, or cannot; told once for each destination and reason. */
export interface RefusedEvent {
  readonly type: 'refused';
  /** `ADDRESS:PORT`, `NAME:PORT` of another sandbox, or a host name that was to be looked up. */
  readonly destination: string;
  /** A part of a sentence: "no rule allows it". */
  readonly reason: string;
  /** What would allow it, as it is typed: `--allow-net example.org`; absent where nothing does. */
  readonly remedy?: string;
}

/** The app has ended, or was stopped. */
export interface ExitedEvent {
  readonly type: 'exited';
  /** The guest's own exit status; 128 + n where a signal ended it. */
  readonly status: number;
  readonly reason: 'exit' | 'trap' | 'stopped' | 'drained' | 'killed';
}

/** What happens to a sandbox, told by its `type`. */
export type SandboxEvent =
  | StartedEvent
  | ForwardEvent
  | OutputEvent
  | NoticeEvent
  | RefusedEvent
  | ClosedEvent
  | ReloadedEvent
  | ReloadFailedEvent
  | ExitedEvent;
