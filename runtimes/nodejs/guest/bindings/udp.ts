/** `internalBinding('udp_wrap')`: sockets of UDP (udp_wrap.cc). */
import { ERRNO } from '../errno.ts';
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { newBuffer } from './buffer.ts';
import { Handle, Request } from './handles.ts';

class SendWrap extends Request {
  constructor() {
    super('UDPSENDWRAP');
  }
}

/** An address as `getsockname` fills it in. */
interface Address {
  address?: string;
  family?: string;
  port?: number;
}

interface RemoteInfo {
  readonly address: string;
  readonly family: string;
  readonly port: number;
  readonly size: number;
}

type OnMessage = (length: number, handle: UDP, bytes?: Uint8Array, from?: RemoteInfo) => void;
type OnSent = (status: number, length: number) => void;

const joined = (list: readonly Uint8Array[]): Uint8Array => {
  if (list.length === 1) return list[0]!;
  const result = new Uint8Array(list.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of list) {
    result.set(part, at);
    at += part.length;
  }
  return result;
};

export class UDP extends Handle {
  onmessage: OnMessage | undefined;
  readonly #sending: { readonly request: Request; readonly size: number }[] = [];

  constructor() {
    super('UDPWRAP');
  }

  override get resourceName(): string {
    return 'UDPWrap';
  }

  get fd(): number {
    return -1;
  }

  open(): number {
    return ERRNO.ENOTSUP;
  }

  // The library puts the methods for IPv6 into the place of those for IPv4: they must not call each other.

  bind(address: string, port: number, flags: number): number {
    return this.#bind(address, port, flags);
  }

  bind6(address: string, port: number, flags: number): number {
    return this.#bind(address, port, flags);
  }

  #bind(address: string, port: number, flags: number): number {
    const id = host.udpBind(address, port, flags);
    if (id < 0) return id;
    this.adopt(id);
    return 0;
  }

  connect(address: string, port: number): number {
    return host.udpConnect(this.id, address, port);
  }

  connect6(address: string, port: number): number {
    return host.udpConnect(this.id, address, port);
  }

  disconnect(): number {
    return ERRNO.ENOTSUP;
  }

  /** With an address and a port, or without either for the connected peer. */
  send(request: Request, list: readonly Uint8Array[], _: number, ...to: unknown[]): number {
    return this.#send(request, list, to);
  }

  send6(request: Request, list: readonly Uint8Array[], _: number, ...to: unknown[]): number {
    return this.#send(request, list, to);
  }

  #send(request: Request, list: readonly Uint8Array[], to: readonly unknown[]): number {
    const bytes = joined(list);
    const [port, address] = to.length > 1 ? (to as [number, string]) : [0, undefined];
    const result = host.udpSend(this.id, bytes, address, port);
    if (result === 0) this.#sending.push({ request, size: bytes.length });
    return result;
  }

  recvStart(): number {
    return host.udpReceive(this.id, true);
  }

  recvStop(): number {
    return this.isClosed || this.id === 0 ? 0 : host.udpReceive(this.id, false);
  }

  getsockname(into: Address): number {
    return this.#address(into, false);
  }

  getpeername(into: Address): number {
    return this.#address(into, true);
  }

  #address(into: Address, isPeer: boolean): number {
    if (this.id === 0) return ERRNO.EBADF;
    const [family = '', port, address] = host.udpAddress(this.id, isPeer).split(' ');
    if (address === undefined) return Number(family);
    Object.assign(into, { address, family, port: Number(port) });
    return 0;
  }

  setBroadcast(isOn: number): number {
    return host.udpOption(this.id, 'broadcast', isOn);
  }

  setTTL(ttl: number): number {
    return host.udpOption(this.id, 'ttl', ttl);
  }

  setMulticastTTL(ttl: number): number {
    return host.udpOption(this.id, 'multicastTtl', ttl);
  }

  setMulticastLoopback(isOn: number): number {
    return host.udpOption(this.id, 'multicastLoopback', isOn);
  }

  bufferSize(size: number, isReceive: boolean, context: object): number | undefined {
    const name = isReceive ? 'receiveBuffer' : 'sendBuffer';
    const set = this.id === 0 ? ERRNO.EBADF : size === 0 ? 0 : host.udpOption(this.id, name, size);
    const result = set < 0 ? set : host.udpOption(this.id, name);
    if (result >= 0) return result;
    const syscall = isReceive ? 'uv_recv_buffer_size' : 'uv_send_buffer_size';
    Object.assign(context, { errno: result, code: 'EBADF', message: 'bad file descriptor', syscall });
    return undefined;
  }

  getSendQueueSize(): number {
    return this.#sending.reduce((size, sent) => size + sent.size, 0);
  }

  getSendQueueCount(): number {
    return this.#sending.length;
  }

  // What the engine tells.

  onDatagram(bytes: Uint8Array, from: string): void {
    const [family = '', port, address = ''] = from.split(' ');
    const info = { address, family, port: Number(port), size: bytes.length };
    if (this.onmessage !== undefined) {
      this.makeCallback(this.onmessage, bytes.length, this, newBuffer(bytes), info);
    }
  }

  onFailed(status: number): void {
    if (this.onmessage !== undefined) this.makeCallback(this.onmessage, status, this);
  }

  onSent(status: number, length: number): void {
    const request = this.#sending.shift()?.request;
    const complete = request?.['oncomplete'] as OnSent | undefined;
    if (complete !== undefined) request!.makeCallback(complete, status, length);
  }
}

/** There is nobody else in a sandbox's network to have a group with. */
for (const name of [
  'addMembership',
  'dropMembership',
  'addSourceSpecificMembership',
  'dropSourceSpecificMembership',
  'setMulticastInterface',
]) {
  Object.defineProperty(UDP.prototype, name, { value: () => ERRNO.ENOTSUP, writable: true });
}

export const createUdp = (): Binding => ({
  UDP,
  SendWrap,
  constants: shapedBinding('udp_wrap')['constants'],
});
