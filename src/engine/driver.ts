/**
 * A driver runs a guest inside the engine. The one built in runs WASI commands, which have a thread of their
 * own to block on. A runtime whose guest is a reactor brings a driver: a module that exports a {@link Driver}
 * as `driver`, loaded while the engine still has all its rights.
 *
 * A driver outside of the engine's bundle gets what it works with from {@link EngineServices}. It imports types
 * from the engine, but no values that have a state: in the bundles it would get other ones than the engine's.
 */
import type { Broker } from './broker.ts';
import type { Connections } from './connections.ts';
import type { Control } from './control.ts';
import type { DatagramPorts } from './datagram-ports.ts';
import type { DatagramSocket } from './datagram-socket.ts';
import type { Descriptor } from './descriptor.ts';
import type { EventPoll } from './event-poll.ts';
import type { ListenerFactory } from './listeners.ts';
import type { LaunchMessage, PreparedMessage } from './messages.ts';
import type { Poller } from './poll.ts';
import type { StreamSocket } from './sockets.ts';
import type { StandardStream } from './stdio.ts';

export interface Driver {
  /** Is {@link EngineServices.sendBeside} used? Then there is a thread for it. */
  readonly sendsBeside?: boolean;
  /**
   * Reads whatever lies outside of the app's directories, while the engine still has the rights it was started
   * with: files may lie where only root can read, and modules cannot be loaded any more afterwards. No guest
   * code runs here, and no bytes that nobody vouches for are parsed or compiled.
   * @throws {WasmrunError}
   */
  open(launch: LaunchMessage): OpenedGuest | Promise<OpenedGuest>;
}

/** A guest that was only read so far. */
export interface OpenedGuest {
  /** Will it open files by path? In-memory file systems are made only then. */
  readonly opensFiles: boolean;
  /**
   * Compiles it. From here on the engine is nobody, and everything opened stays so.
   * @param directories - mounted directories, then in-memory file systems, each with its `preopenPath`
   * @throws {WasmrunError}
   */
  prepare(directories: readonly Descriptor[]): PreparedGuest | Promise<PreparedGuest>;
}

/** A guest that is fit to run. */
export interface PreparedGuest {
  readonly abi: PreparedMessage['abi'];
  /**
   * Runs the guest. It ends by {@link EngineServices.exit}; a trap of the guest that is thrown out of here is
   * told and ends it, too, as does a WasmrunError.
   */
  run(services: EngineServices): Promise<never>;
}

/** What a guest is run with. */
export interface EngineServices {
  /** The way to the supervisor. Its orders are obeyed in every wait, of `poller` and of `events`. */
  readonly control: Control;
  /** Waits for single descriptors: what descriptors in blocking mode do. */
  readonly poller: Poller;
  /** The loop of a reactor. Made at the first use. */
  readonly events: EventPoll;
  readonly listeners: ListenerFactory;
  readonly datagrams: DatagramPorts;
  /** Everything that was accepted. */
  readonly connections: Connections;
  /** Connections to elsewhere, and addresses of names. */
  readonly broker: Broker;
  /** Mounted directories, then in-memory file systems, each with its `preopenPath`. */
  readonly directories: readonly Descriptor[];
  readonly streams: readonly [stdin: StandardStream, stdout: StandardStream, stderr: StandardStream];
  /** `argv`, the program's name first. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Process ports that forwards of TCP lead to. */
  readonly ports: readonly number[];
  /** socket(2) in the sandbox's network: a socket, or a negated WASI errno. */
  openSocket<Type extends SocketType>(family: 4 | 6, type: Type): SocketOfType[Type] | number;
  /**
   * From now on what is sent by the socket is only copied, and sent by a thread of its own, if that has a lane left. Errors
   * are told by the send after. Whoever waits for room does so by {@link StreamSocket.lane}. For sockets in non-blocking mode,
   * of guests that part from their clients themselves ({@link onLeave}).
   */
  sendBeside(socket: StreamSocket): void;
  /** From now on `action` is told of each port of UDP that a forward is added to. */
  onDatagramPort(action: (processPort: number) => void): void;
  /** From now on the guest itself parts from its clients when another engine is to take its place, and leaves then. */
  onLeave(leaving: Leaving): void;
  /** A line the user should read. */
  notice(text: string): void;
  /** Ends the engine with the guest's exit status, at once. */
  exit(status: number): never;
}

/** How a guest leaves that is not simply to end what is quiet, as servers of HTTP are. */
export interface Leaving {
  /** Accept no more, and finish what is in flight; said again and again. */
  drain(): void;
  /** The grace is over. */
  finish(): void;
}

export type SocketType = 'stream' | 'datagram';

export interface SocketOfType {
  readonly stream: StreamSocket;
  readonly datagram: DatagramSocket;
}
