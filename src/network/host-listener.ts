/**
 * Holds a port of the host for a forward, by real listening sockets: the kernel then vouches that it is
 * ours and nobody else's, whatever carries the connections. The supervisor never accepts from them; the
 * engine inherits them and does.
 */
import { closeSync } from 'node:fs';
import { WasmrunError } from '../errors.ts';
import { SystemCallError } from '../os/libc.ts';
import {
  addressFamily,
  AF_INET6,
  bindSocket,
  boundPort,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  listenSocket,
  openSocket,
  setSocketOption,
  SO_REUSEADDR,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../os/socket.ts';
import { findPortOwner } from './port-owner.ts';

/** Connections the kernel keeps waiting; it caps this at `net.core.somaxconn`, 4096 by default. */
const BACKLOG = 4096;
/** Ports tried where the kernel chooses the first address's port and the others must follow. */
const FREE_PORT_ATTEMPTS = 64;
/** What the kernel says of an address this host does not have. */
const UNAVAILABLE: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

export interface HostListener {
  /** IP address it listens on. */
  readonly address: string;
  /** Non-blocking, close-on-exec; closed when the port is given up. */
  readonly fd: number;
}

/** A host port that is ours until disposed. */
export interface HeldPort extends AsyncDisposable {
  /** 1–65535, the one the kernel chose where 0 was asked for. */
  readonly hostPort: number;
  /** One for each address that exists. */
  readonly listeners: readonly HostListener[];
}

export interface HostPortRequest {
  /** IP addresses to listen on, all on the same port. */
  readonly addresses: readonly string[];
  /** 1–65535, or 0 for any that is free on every address. */
  readonly port: number;
  /** Addresses to do without where the host does not have them, e.g. `::1`. */
  readonly skipUnavailable?: readonly string[];
  /** Port inside the sandbox, for the wording of hints. */
  readonly processPort?: number;
}

/**
 * Binds and listens: without the second a port is not reserved, as any other process may still bind to
 * it with SO_REUSEADDR and listen first.
 * @throws {WasmrunError} PORT_IN_USE with the owner, PORT_FORBIDDEN, BIND_FAILED
 */
export const holdHostPort = (request: HostPortRequest): HeldPort => {
  // Closed at the end: while a port that is free on some addresses only stays ours, the kernel offers others.
  using rejected = new DisposableStack();
  for (let attempt = 1; ; attempt += 1) {
    const listeners: HostListener[] = [];
    try {
      return holdListeners(listenOnAll(request, listeners), listeners);
    } catch (error) {
      rejected.defer(() => closeAll(listeners));
      const isRetry = request.port === 0 && attempt < FREE_PORT_ATTEMPTS;
      if (!(isRetry && error instanceof WasmrunError && error.code === 'PORT_IN_USE')) throw error;
    }
  }
};

/** Adds a listener for each address to `listeners`, also when it fails half-way; returns their port. */
const listenOnAll = (request: HostPortRequest, listeners: HostListener[]): number => {
  const { addresses, skipUnavailable = [] } = request;
  let { port } = request;
  for (const address of addresses) {
    const fd = tryListen(address, port, { request, optional: skipUnavailable.includes(address) });
    if (fd === undefined) continue;
    listeners.push({ address, fd });
    port ||= boundPort(fd);
  }
  if (listeners.length === 0) throw noAddress(addresses);
  return port;
};

const holdListeners = (hostPort: number, listeners: readonly HostListener[]): HeldPort => {
  const held = new AsyncDisposableStack();
  held.defer(() => closeAll(listeners));
  return { hostPort, listeners, [Symbol.asyncDispose]: () => held.disposeAsync() };
};

const closeAll = (listeners: readonly HostListener[]): void => {
  for (const { fd } of listeners) closeSync(fd);
};

/** Undefined where an optional address does not exist on this host. */
const tryListen = (
  address: string,
  port: number,
  { request, optional }: { request: HostPortRequest; optional: boolean },
): number | undefined => {
  try {
    return listen(address, port);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (optional && UNAVAILABLE.has(error.code)) return undefined;
    throw describe(error, { address, port, request });
  }
};

const listen = (address: string, port: number): number => {
  const family = addressFamily(address);
  const fd = openSocket(family, SOCK_STREAM | SOCK_NONBLOCK);
  try {
    // Lets a port be held again while connections of its last holder are still in TIME_WAIT.
    setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family === AF_INET6) setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    bindSocket(fd, address, port);
    listenSocket(fd, BACKLOG);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
};

interface Circumstances {
  readonly address: string;
  readonly port: number;
  readonly request: HostPortRequest;
}

const describe = (cause: SystemCallError, { address, port, request }: Circumstances): WasmrunError => {
  const where = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  if (cause.code === 'EADDRINUSE') return portInUse(cause, { address, port, request });
  if (cause.code === 'EACCES') {
    return new WasmrunError('PORT_FORBIDDEN', `host port ${port} may not be used by this user`, {
      hint:
        `choose one from 1024 on (${forwardOption(8080, request)}), or let every user have it: ` +
        `sysctl net.ipv4.ip_unprivileged_port_start=${port}`,
      cause,
    });
  }
  if (UNAVAILABLE.has(cause.code)) {
    return new WasmrunError('BIND_FAILED', `cannot listen on ${where}: this host has no address ${address}`, {
      hint: 'list the addresses of this host with `ip address`, or leave --bind out to use localhost',
      cause,
    });
  }
  return new WasmrunError('BIND_FAILED', `cannot listen on ${where}: ${cause.message}`, { cause });
};

const portInUse = (cause: SystemCallError, { address, port, request }: Circumstances): WasmrunError => {
  if (request.port === 0) {
    return new WasmrunError('PORT_IN_USE', `no host port is free on all of ${request.addresses.join(', ')}`, {
      hint: 'choose one, e.g. ' + forwardOption(8080, request),
      cause,
    });
  }
  const owner = findPortOwner(address, port);
  const by = owner ? `${owner.command} (pid ${owner.pid})` : 'another process';
  return new WasmrunError('PORT_IN_USE', `host port ${port} is already in use by ${by}`, {
    hint:
      `choose another (${forwardOption(port < 65_535 ? port + 1 : port - 1, request)}) ` +
      `or let wasmrun choose one (--forward ${request.processPort ?? 'PORT'})`,
    cause,
  });
};

const forwardOption = (hostPort: number, { processPort }: HostPortRequest): string =>
  `--forward ${hostPort}:${processPort ?? 'PORT'}`;

const noAddress = (addresses: readonly string[]): WasmrunError =>
  new WasmrunError('BIND_FAILED', `this host has none of the addresses ${addresses.join(', ')}`, {
    hint: 'list the addresses of this host with `ip address`',
  });
