/**
 * The engine's way to connections and names: it asks the supervisor, who knows the rules. connect(2) itself is
 * refused to the engine by its system call filter.
 */
import type { Control } from './control.ts';
import type { DescriptorChannel } from './descriptor-channel.ts';
import { WASI, toWasi } from './errno.ts';
import { replaceDescriptor } from './libc.ts';
import type { ConnectMessage, ReplyPacket, ResolveMessage } from './messages.ts';
import { POLLIN } from './poll.ts';
import type { Poller } from './poll.ts';
import { formatIp } from './socket-address.ts';
import type { SocketAddress } from './socket-address.ts';

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
  readonly #channel: DescriptorChannel;

  constructor(control: Control, poller: Poller, channel: DescriptorChannel) {
    this.#control = control;
    this.#poller = poller;
    this.#channel = channel;
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
    const replaced = replaceDescriptor(hostFd, socket);
    return replaced < 0 ? { result: replaced, isReplaced: false } : { result, isReplaced: true };
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
  ): { reply: ReplyPacket; socket: number | undefined } | undefined {
    if (socket !== undefined && !this.#channel.send(socket)) return undefined;
    this.#control.send(request);
    for (;;) {
      const answer = this.#channel.take('reply');
      if (answer !== undefined) return { reply: answer.packet, socket: answer.socket };
      this.#poller.wait(this.#channel.fds, POLLIN);
    }
  }
}
