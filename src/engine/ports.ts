/**
 * Who gives the guest's sockets their addresses: the kernel, or the engine itself. In the host's own network
 * the engine may bind nothing, so there the ports of a guest are virtual: it is told that it has them, others
 * in their sandboxes may have the same, and connections come from handed-off listeners alone.
 */
import { WASI, failure } from './errno.ts';
import * as libc from './libc.ts';
import { AF_INET6, SockaddrBuffer } from './socket-address.ts';
import type { SocketAddress } from './socket-address.ts';

/** Results are ≥ 0 or a negated WASI errno. */
export interface Ports {
  /** Do connections and datagrams come to a socket by its own address? */
  readonly areReal: boolean;
  /** bind(2); port 0 gives any that is free. */
  bind(fd: number, address: SocketAddress): number;
  /** listen(2) */
  listen(fd: number, backlog: number): number;
  /** getsockname(2) */
  localAddress(fd: number): SocketAddress | number;
  /** close(2); gives the port back. */
  close(fd: number): number;
}

/** asm-generic/socket.h */
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_DOMAIN = 39;

const sockaddr = new SockaddrBuffer();

export const kernelPorts: Ports = {
  areReal: true,
  bind(fd, address) {
    const { bytes, length } = sockaddr.set(address);
    return libc.bind(fd, bytes, length[0]!) < 0 ? failure() : 0;
  },
  listen: (fd, backlog) => (libc.listen(fd, backlog) < 0 ? failure() : 0),
  localAddress(fd) {
    const { bytes, length } = sockaddr.clear();
    return libc.getsockname(fd, bytes, length) < 0 ? failure() : sockaddr.get();
  },
  close: (fd) => (libc.close(fd) < 0 ? failure() : 0),
};

/** What the kernel takes for port 0: ip_local_port_range, ip-sysctl.rst. */
const FIRST_EPHEMERAL_PORT = 32_768;
const LAST_EPHEMERAL_PORT = 60_999;

interface Binding {
  /** SOCK_STREAM or SOCK_DGRAM: both have ports of their own. */
  readonly type: number;
  readonly address: SocketAddress;
}

/** Ports that exist in this process only. Neither SO_REUSEADDR nor SO_REUSEPORT lets two sockets share one. */
export class VirtualPorts implements Ports {
  readonly areReal = false;
  readonly #bindings = new Map<number, Binding>();

  bind(fd: number, address: SocketAddress): number {
    if (this.#bindings.has(fd)) return -WASI.EINVAL;
    const isIpv6 = optionOf(fd, SO_DOMAIN) === AF_INET6;
    if (isIpv6 !== (address.ip.length === 16)) return isIpv6 ? -WASI.EINVAL : -WASI.EAFNOSUPPORT;
    const type = optionOf(fd, SO_TYPE);
    const binding = this.#findBinding(type, address);
    if (binding === undefined) return -WASI.EADDRINUSE;
    this.#bindings.set(fd, binding);
    return 0;
  }

  listen(fd: number): number {
    if (this.#bindings.has(fd)) return 0;
    const length = optionOf(fd, SO_DOMAIN) === AF_INET6 ? 16 : 4;
    return this.bind(fd, { ip: new Uint8Array(length), port: 0 });
  }

  localAddress(fd: number): SocketAddress | number {
    // What has no port of its own was accepted, or is not bound yet.
    return this.#bindings.get(fd)?.address ?? kernelPorts.localAddress(fd);
  }

  close(fd: number): number {
    this.#bindings.delete(fd);
    return kernelPorts.close(fd);
  }

  /** Undefined where the port is taken, or all are. */
  #findBinding(type: number, { ip, port: wanted }: SocketAddress): Binding | undefined {
    const last = wanted === 0 ? LAST_EPHEMERAL_PORT : wanted;
    for (let port = wanted === 0 ? FIRST_EPHEMERAL_PORT : wanted; port <= last; port += 1) {
      const binding = { type, address: { ip: Uint8Array.from(ip), port } };
      if (!this.#isTaken(binding)) return binding;
    }
    return undefined;
  }

  #isTaken({ type, address }: Binding): boolean {
    return [...this.#bindings.values()].some(
      (other) =>
        other.type === type && other.address.port === address.port && overlap(other.address.ip, address.ip),
    );
  }
}

/** Addresses of different families do not: a listener on `::` leaves IPv4 to others here. */
const overlap = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && (isAny(one) || isAny(other) || Buffer.compare(one, other) === 0);

const isAny = (ip: Uint8Array): boolean => ip.every((byte) => byte === 0);

const optionOf = (fd: number, name: number): number => {
  const value = new Int32Array(1);
  const length = Int32Array.of(value.byteLength);
  return libc.getsockopt(fd, SOL_SOCKET, name, value, length) < 0 ? -1 : value[0]!;
};

let current: Ports = kernelPorts;

/** Those of this process: it has one guest. */
export const ports = (): Ports => current;

/** For good, before the guest has a socket. */
export const useVirtualPorts = (): void => {
  current = new VirtualPorts();
};
