/**
 * The engine's way to connections and names: it asks the supervisor, who knows the rules. connect(2) itself is
 * refused to the engine by its system call filter.
 */
import { receiveDescriptor, sendDescriptor } from '../os/descriptor-passing.ts';
import { SystemCallError, libc } from '../os/libc.ts';
import type { Control } from './control.ts';
import { WASI, toWasi } from './errno.ts';
import * as calls from './libc.ts';
import { DESCRIPTOR_FD } from './messages.ts';
import type { BrokerReply, ConnectMessage, ResolveMessage } from './messages.ts';
import { POLLIN } from './poll.ts';
import type { Poller } from './poll.ts';
import { formatIp } from './socket-address.ts';
import type { SocketAddress } from './socket-address.ts';

const dup3: (from: number, to: number, flags: number) => number = libc.func('int dup3(int, int, int)');
/** fcntl.h */
const O_CLOEXEC = 0o2000000;

const CHANNEL = [DESCRIPTOR_FD] as const;

/** How an attempt to connect began. */
export interface ConnectionStart {
  /** 0, or a negated WASI errno; EINPROGRESS where the attempt goes on in the background. */
  readonly result: number;
  /** Another socket has taken the place of the guest's: options have to be set again. */
  readonly isReplaced: boolean;
}

export class Broker {
  readonly #control: Control;
  readonly #poller: Poller;

  constructor(control: Control, poller: Poller) {
    this.#control = control;
    this.#poller = poller;
  }

  /** Has a socket connected; on success it is still `hostFd`, though it may be another one. */
  connect(
    hostFd: number,
    protocol: ConnectMessage['protocol'],
    { ip, port }: SocketAddress,
  ): ConnectionStart {
    const request: ConnectMessage = { type: 'connect', protocol, address: formatIp(ip), port };
    const answer = this.#ask(request, hostFd);
    if (answer === undefined) return { result: -WASI.EACCES, isReplaced: false };
    const { reply, socket } = answer;
    const result = reply.errno === 0 ? 0 : -toWasi(reply.errno);
    if (socket === undefined) return { result, isReplaced: false };
    const isReplaced = dup3(socket, hostFd, O_CLOEXEC) >= 0;
    calls.close(socket);
    return isReplaced ? { result, isReplaced } : { result: -WASI.EMFILE, isReplaced };
  }

  /** The addresses of a host name as texts, or a positive WASI errno: ENOENT, EAGAIN. */
  resolve(name: string): readonly string[] | number {
    const { reply } = this.#ask({ type: 'resolve', name }) ?? {};
    if (reply === undefined) return WASI.EAGAIN;
    return reply.errno === 0 ? (reply.addresses ?? []) : toWasi(reply.errno);
  }

  /** Undefined where the engine may not even ask: the filter for guests that can reach nobody. */
  #ask(
    request: ConnectMessage | ResolveMessage,
    socket?: number,
  ): { reply: BrokerReply; socket: number | undefined } | undefined {
    try {
      if (socket !== undefined) sendDescriptor(DESCRIPTOR_FD, request.type, socket);
    } catch (error) {
      if (error instanceof SystemCallError) return undefined;
      throw error;
    }
    this.#control.send(request);
    this.#poller.wait(CHANNEL, POLLIN);
    const received = receiveDescriptor(DESCRIPTOR_FD);
    // The supervisor has closed its end, and with it the control channel: the next wait ends the engine.
    if (received === undefined) return undefined;
    // Only the supervisor holds the other end, so its words are taken as they are.
    return { reply: JSON.parse(received.text) as BrokerReply, socket: received.descriptor };
  }
}
