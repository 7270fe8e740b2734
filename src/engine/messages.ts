/**
 * What supervisor and engine say to each other: newline-delimited JSON on the engine's descriptor 3,
 * a Unix socket pair. End of file there means the other side is gone; an engine exits at once.
 */
import type { Protocol } from '../os/socket.ts';

/** Bytes of stack an engine may use: guests that recurse take several times of what their own is (setrlimit(2)). */
export const STACK_LIMIT = 64 * 1024 * 1024;
/** Descriptor of the control channel inside the engine. */
export const CONTROL_FD = 3;
/**
 * Descriptor of the channel that sockets are handed over on, a pair of SOCK_SEQPACKET: up with a request of
 * the control channel, down with its reply.
 */
export const DESCRIPTOR_FD = 4;
/** Most requests of an engine (connections, names) that wait for their answers. */
export const MAX_REQUESTS = 64;
/** First descriptor of what the engine inherits beyond these. */
export const FIRST_INHERITED_FD = DESCRIPTOR_FD + 1;

/** A host directory the guest may use. */
export interface DirectoryMount {
  /** Absolute path on the host. */
  readonly hostPath: string;
  /** Absolute path the guest sees. */
  readonly guestPath: string;
  readonly readOnly: boolean;
  /** Made where it is missing, for the guest's user alone. */
  readonly isMade?: boolean;
}

/** A listening socket made in the host's namespace and inherited by the engine. */
export interface HandedListener {
  /** Descriptor number inside the engine. */
  readonly fd: number;
  /** By which the supervisor takes it back. */
  readonly id: number;
  /** Port inside the sandbox whose listener draws from it, 1–65535. */
  readonly processPort: number;
}

/** A stream of datagrams that were sent to host ports, framed as in os/datagram-frame.ts. */
export interface HandedChannel {
  /** Descriptor number inside the engine. */
  readonly fd: number;
  /** Port inside the sandbox whose socket of UDP draws from it, 1–65535. */
  readonly processPort: number;
}

/** A socket of an earlier engine of the sandbox, made in the sandbox's namespace, bound, and inherited. */
export interface InheritedSocket {
  /** Descriptor number inside the engine. */
  readonly fd: number;
  /** `tcp` ones are listening. */
  readonly protocol: Protocol;
  /** Port inside the sandbox, 1–65535. Whoever binds it takes all sockets of the port over. */
  readonly port: number;
}

/** Who runs a guest that cannot run itself: a module that exports a `driver` (driver.ts). */
export interface DriverReference {
  /** Absolute path. */
  readonly path: string;
  /** For the driver alone: plain JSON. */
  readonly options?: unknown;
}

/** First message to the engine: everything it can prepare before the network exists. */
export interface LaunchMessage {
  readonly type: 'launch';
  /** Absolute path of the WebAssembly module. */
  readonly module: string;
  /** Absent for a WASI command. */
  readonly driver?: DriverReference;
  /** `argv` of the guest, its own name first. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly directories: readonly DirectoryMount[];
  /** Guest paths of in-memory file systems. */
  readonly tmpfs: readonly string[];
  readonly handed: readonly HandedListener[];
  readonly inherited: readonly InheritedSocket[];
  /** Does the supervisor want the guest's listening sockets, for an engine to come? */
  readonly keepListeners: boolean;
  readonly channels: readonly HandedChannel[];
  /** Process ports to listen on for modules that cannot listen themselves (preview1), in fd order. */
  readonly ports: readonly number[];
  /**
   * The engine stands in the host's own network: ports of the guest exist in the engine alone, and the kernel
   * gives it none.
   */
  readonly virtualPorts?: boolean;
  /** The engine becomes this user and group before guest code runs; absent when already unprivileged. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Second message: the network is ready, run the guest. */
export interface GoMessage {
  readonly type: 'go';
  /** The sandbox's own IPv4 address; listeners on 127.0.0.1 are reachable there too. */
  readonly sandboxAddress?: string;
}

/** Leave the guest at its next blocking call and exit; a guest that listens for the signal leaves by itself. */
export interface StopMessage {
  readonly type: 'stop';
  /** Number of the signal that stands for it (signal(7)). */
  readonly signal: number;
}

/**
 * Accept no more, finish what is in flight, and exit when no accepted connection is open any more. Said again
 * and again: connections that were quiet since the last time, between a response of HTTP and the next
 * request, are closed.
 */
export interface DrainMessage {
  readonly type: 'drain';
}

/** The grace is over: end what is still open, properly, and exit. */
export interface FinishMessage {
  readonly type: 'finish';
}

/** One more host port leads here, or the first one of UDP to a process port: a {@link DescriptorPacket} has come. */
export interface AttachMessage {
  readonly type: 'attach';
  readonly kind: 'listener' | 'channel';
}

/** A host port leads here no more. */
export interface DetachMessage {
  readonly type: 'detach';
  /** Of the handed listener. */
  readonly id: number;
  /** The connections that were accepted from it end too; else they go on. */
  readonly cut: boolean;
}

/** Say what went through the forwarded ports: answered by {@link TrafficMessage}s. */
export interface ReportTrafficMessage {
  readonly type: 'report-traffic';
}

export type ToEngine =
  | LaunchMessage
  | GoMessage
  | StopMessage
  | DrainMessage
  | FinishMessage
  | AttachMessage
  | DetachMessage
  | ReportTrafficMessage;

/** The module is compiled and everything is opened; the engine waits for `go`. */
export interface PreparedMessage {
  readonly type: 'prepared';
  /** Socket ABI the module uses; a `reactor` leaves sockets to its driver. */
  readonly abi: 'preview1' | 'wasmedge' | 'wasix' | 'none' | 'reactor';
}

/** The guest listens on a port inside the sandbox, or has bound it for UDP. */
export interface ListeningMessage {
  readonly type: 'listening';
  readonly protocol: Protocol;
  readonly port: number;
  /** How many listening sockets of the port have been handed up before, over the descriptor channel. */
  readonly sockets: number;
}

/** Something the user should read, said by the engine about the guest. */
export interface NoticeMessage {
  readonly type: 'notice';
  readonly text: string;
}

/** The app cannot be run; the engine exits after this. */
export interface FailedMessage {
  readonly type: 'failed';
  /** An error code of errors.ts. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** An {@link AttachMessage} has been obeyed: what it brought leads to the guest. */
export interface AttachedMessage {
  readonly type: 'attached';
}

/** What went through a process port since the engine started. */
export interface PortTraffic {
  readonly protocol: Protocol;
  /** Inside the sandbox, 1–65535. */
  readonly port: number;
  /** Connections; of UDP datagrams that have come. */
  readonly accepted: number;
  /** Bytes that the guest has received. */
  readonly received: number;
  /** Bytes that the guest has sent. */
  readonly sent: number;
}

/** How many ports one message tells of: a line has its limit. */
export const MAX_TRAFFIC_PORTS = 400;

/** Traffic of the ports that forwards lead to, when it is asked for and at the end. */
export interface TrafficMessage {
  readonly type: 'traffic';
  /** At most {@link MAX_TRAFFIC_PORTS}. */
  readonly ports: readonly PortTraffic[];
  /** The rest follows in another message. */
  readonly isPartial: boolean;
}

/** The guest ended; the engine exits after this. */
export interface ExitedMessage {
  readonly type: 'exited';
  /** The guest's own exit status, or 134 for a trap. */
  readonly status: number;
  readonly reason: 'exit' | 'trap' | 'stopped' | 'drained';
}

/**
 * The guest wants to connect a socket, which the engine may not do itself: it has just sent the socket over
 * the descriptor channel, unless its ports are virtual. The answer is a {@link ReplyPacket}; those to several requests come in any order.
 */
export interface ConnectMessage {
  readonly type: 'connect';
  /** A positive number by which the answer is known; none is used twice. */
  readonly id: number;
  readonly protocol: Protocol;
  /** An IP address as text. */
  readonly address: string;
  readonly port: number;
}

/** The guest wants the addresses of a host name. Answered as {@link ConnectMessage} is. */
export interface ResolveMessage {
  readonly type: 'resolve';
  readonly id: number;
  readonly name: string;
}

/** What the supervisor says over the descriptor channel, as JSON in a packet of its own. */
export type DescriptorPacket = ReplyPacket | ListenerPacket | ChannelPacket;

/** A socket that comes with it takes the place of the guest's. */
export interface ReplyPacket {
  readonly kind: 'reply';
  /** Of the request. */
  readonly id: number;
  /** What Linux says of the call; 0 for success (errno.h). */
  readonly errno: number;
  /** Answer to a {@link ResolveMessage}. */
  readonly addresses?: readonly string[];
}

/** Comes with a listening socket, before an {@link AttachMessage}. */
export interface ListenerPacket {
  readonly kind: 'listener';
  readonly id: number;
  readonly processPort: number;
}

/** Comes with a stream of datagrams as a {@link HandedChannel} is, before an {@link AttachMessage}. */
export interface ChannelPacket {
  readonly kind: 'channel';
  readonly processPort: number;
}

export type FromEngine =
  | PreparedMessage
  | ListeningMessage
  | NoticeMessage
  | ConnectMessage
  | ResolveMessage
  | AttachedMessage
  | TrafficMessage
  | FailedMessage
  | ExitedMessage;
