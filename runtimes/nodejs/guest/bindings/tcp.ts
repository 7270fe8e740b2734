/** `internalBinding('tcp_wrap')`: connections and listeners (tcp_wrap.cc). */
import { ERRNO } from '../errno.ts';
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { Request } from './handles.ts';
import { Stream } from './streams.ts';

const KIND = { SOCKET: 0, SERVER: 1 } as const;
/** uv.h, uv_tcp_flags. */
const UV_TCP_IPV6ONLY = 1;
const UV_TCP_REUSEPORT = 2;

/** An address as `getsockname` fills it in. */
interface Address {
  address?: string;
  family?: string;
  port?: number;
}

class TCPConnectWrap extends Request {
  constructor() {
    super('TCPCONNECTWRAP');
  }
}

type OnConnect = (
  status: number,
  handle: TCP,
  request: Request,
  readable: boolean,
  writable: boolean,
) => void;

export class TCP extends Stream {
  onconnection: ((status: number, client?: TCP) => void) | undefined;
  #bound: readonly [address: string, port: number, flags: number] | undefined;
  #connecting: Request | undefined;

  readonly #kind: number;

  constructor(kind: number, id = 0) {
    super(kind === KIND.SERVER ? 'TCPSERVERWRAP' : 'TCPWRAP');
    this.#kind = kind;
    if (id !== 0) this.adopt(id);
  }

  override get resourceName(): string {
    return this.#kind === KIND.SERVER ? 'TCPServerWrap' : 'TCPSocketWrap';
  }

  open(): number {
    return ERRNO.ENOTSUP;
  }

  bind(address: string, port: number, flags = 0): number {
    return this.#bind(address, port, flags);
  }

  bind6(address: string, port: number, flags = 0): number {
    return this.#bind(address, port, flags);
  }

  #bind(address: string, port: number, flags: number): number {
    const id = host.tcpBind(address, port, flags);
    if (id < 0) return id;
    this.#bound = [address, port, flags];
    this.adopt(id);
    return 0;
  }

  listen(backlog: number): number {
    if (this.#bound === undefined) {
      const result = this.#bind('::', 0, 0);
      if (result < 0) return result;
    }
    return host.tcpListen(this.id, backlog);
  }

  connect(request: Request, address: string, port: number): number {
    const id = host.tcpConnect(this.id, address, port);
    if (id < 0) return id;
    if (this.id === 0) this.adopt(id);
    this.#connecting = request;
    return 0;
  }

  connect6(request: Request, address: string, port: number): number {
    return this.connect(request, address, port);
  }

  getsockname(into: Address): number {
    return this.#address(into, host.tcpAddress(this.id, false));
  }

  getpeername(into: Address): number {
    return this.#address(into, host.tcpAddress(this.id, true));
  }

  #address(into: Address, found: string): number {
    // family, port, address; or an error alone
    const [family = '', port, address] = found.split(' ');
    if (address === undefined) return Number(family) || ERRNO.ENOTCONN;
    into.address = address;
    into.family = family;
    into.port = Number(port);
    return 0;
  }

  setNoDelay(isOn: boolean): number {
    return this.id === 0 ? 0 : host.tcpOption(this.id, 'nodelay', isOn ? 1 : 0);
  }

  setKeepAlive(isOn: boolean, delay: number): number {
    return this.id === 0 ? 0 : host.tcpOption(this.id, 'keepalive', isOn ? Math.max(1, delay) : 0);
  }

  setTypeOfService(value: number): number {
    return host.tcpOption(this.id, 'tos', value);
  }

  getTypeOfService(): number {
    return host.tcpOption(this.id, 'tos', -1);
  }

  setSimultaneousAccepts(): number {
    return 0;
  }

  reset(callback?: () => void): number {
    if (this.isClosed) return ERRNO.EINVAL;
    if (this.id !== 0) host.tcpReset(this.id);
    this.close(callback);
    return 0;
  }

  // What the engine tells.

  onConnection(status: number, id: number): void {
    const { onconnection } = this;
    if (status < 0 || onconnection === undefined) {
      if (onconnection !== undefined) this.makeCallback(onconnection, status);
      return;
    }
    this.makeCallback(onconnection, 0, new TCP(KIND.SOCKET, id));
  }

  onConnected(status: number): void {
    const request = this.#connecting;
    this.#connecting = undefined;
    request?.makeCallback(request['oncomplete'] as OnConnect, status, this, request, true, true);
  }
}

export const createTcp = (): Binding => ({
  TCP,
  TCPConnectWrap,
  constants: { ...KIND, UV_TCP_IPV6ONLY, UV_TCP_REUSEPORT },
});
