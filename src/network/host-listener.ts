/**
 * Holds a port of the host for a forward, by real sockets: the kernel then vouches that it is ours and
 * nobody else's, whatever carries the connections. Those of TCP listen; the supervisor never accepts from
 * them, the engine inherits them and does. Those of UDP are in host-datagram.ts.
 */
import { closeSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
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
  type Protocol,
  setSocketOption,
  SO_REUSEADDR,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../os/socket.ts';
import { formatPort, isWildcard } from './forward.ts';
import { isIpv4Loopback } from './loopback.ts';
import { findPortOwner, isTaken } from './port-owner.ts';

/** Connections the kernel keeps waiting; it caps this at `net.core.somaxconn`, 4096 by default. */
const BACKLOG = 4096;
/** Ports tried where the kernel chooses the first address's port and the others must follow. */
const FREE_PORT_ATTEMPTS = 64;
/** What the kernel says of an address this host does not have. */
const UNAVAILABLE: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/** One socket of a held port; disposing closes it. */
export interface HostSocket extends Disposable {
  /** IP address it is bound to. */
  readonly address: string;
  /** Non-blocking, close-on-exec; closed when the port is given up. */
  readonly fd: number;
}

/** A host port that is ours until disposed. */
export interface HeldPort<Bound extends HostSocket = HostSocket> extends AsyncDisposable {
  /** 1–65535, the one the kernel chose where 0 was asked for. */
  readonly hostPort: number;
  /** One for each address that exists. */
  readonly listeners: readonly Bound[];
}

export interface HostPortRequest {
  /** Absent: TCP. */
  readonly protocol?: Protocol;
  /** IP addresses to bind to, all on the same port. */
  readonly addresses: readonly string[];
  /** 1–65535, or 0 for any that is free on every address. */
  readonly port: number;
  /** Addresses to do without where the host does not have them, e.g. `::1`. */
  readonly skipUnavailable?: readonly string[];
  /** Port inside the sandbox, for the wording of hints. */
  readonly processPort?: number;
  /** Names who has a port of this address, where the caller knows better than the kernel, whose answer is a process. */
  readonly ownerOf?: (address: string, port: number) => string | undefined;
}

/**
 * Binds and listens: without the second a port is not reserved, as any other process may still bind to
 * it with SO_REUSEADDR and listen first.
 * @throws {WasmrunError} PORT_IN_USE with the owner, PORT_FORBIDDEN, BIND_FAILED
 */
export const holdHostPort = (request: HostPortRequest): HeldPort => holdOnAll(request, listen);

/** Makes a socket on an address and port, 0 for any; throws `SystemCallError`. */
export type OpenHostSocket<Bound extends HostSocket> = (address: string, port: number) => Bound;

/**
 * Holds the same port on every address.
 * @throws {WasmrunError} PORT_IN_USE with the owner, PORT_FORBIDDEN, BIND_FAILED
 */
export const holdOnAll = <Bound extends HostSocket>(
  request: HostPortRequest,
  open: OpenHostSocket<Bound>,
): HeldPort<Bound> => {
  // Closed at the end: while a port that is free on some addresses only stays ours, the kernel offers others.
  using rejected = new DisposableStack();
  for (let attempt = 1; ; attempt += 1) {
    const listeners: Bound[] = [];
    try {
      return holdListeners(openAll(request, open, listeners), listeners);
    } catch (error) {
      rejected.defer(() => closeAll(listeners));
      const isRetry = request.port === 0 && attempt < FREE_PORT_ATTEMPTS;
      if (!(isRetry && error instanceof WasmrunError && error.code === 'PORT_IN_USE')) throw error;
    }
  }
};

/**
 * What would keep {@link holdHostPort} or its like for UDP from holding the port at this moment; undefined where nothing would.
 * Only looks: nothing is bound. Who has it is told where this system has /proc.
 */
export const examineHostPort = (request: HostPortRequest): WasmrunError | undefined => {
  const { addresses, port, skipUnavailable = [] } = request;
  for (const address of addresses) {
    const code = obstacleAt(address, port, protocolOf(request));
    const isOptional = skipUnavailable.includes(address);
    if (code === undefined || (UNAVAILABLE.has(code) && isOptional)) continue;
    return describe({ code, message: code }, { address, port, request, isOptional });
  }
  return undefined;
};

/** The error that binding would end with. */
const obstacleAt = (address: string, port: number, protocol: Protocol): string | undefined => {
  if (!isOfThisHost(address)) return 'EADDRNOTAVAIL';
  if (port === 0) return undefined;
  if (port < firstOrdinaryPort() && process.getuid?.() !== 0) return 'EACCES';
  return isTaken(address, port, protocol) ? 'EADDRINUSE' : undefined;
};

const isOfThisHost = (address: string): boolean =>
  isWildcard(address) ||
  isIpv4Loopback(address) ||
  Object.values(networkInterfaces()).some((own = []) => own.some((entry) => entry.address === address));

/** Ports below it are for root. */
const firstOrdinaryPort = (): number => {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  } catch {
    return 1024;
  }
};

/** Adds a socket for each address to `listeners`, also when it fails half-way; returns their port. */
const openAll = <Bound extends HostSocket>(
  request: HostPortRequest,
  open: OpenHostSocket<Bound>,
  listeners: Bound[],
): number => {
  const { addresses, skipUnavailable = [] } = request;
  let { port } = request;
  for (const address of addresses) {
    const opened = tryOpen(() => open(address, port), {
      address,
      port,
      request,
      isOptional: skipUnavailable.includes(address),
    });
    if (opened === undefined) continue;
    listeners.push(opened);
    port ||= boundPort(opened.fd);
  }
  if (listeners.length === 0) throw noAddress(addresses);
  return port;
};

const holdListeners = <Bound extends HostSocket>(
  hostPort: number,
  listeners: readonly Bound[],
): HeldPort<Bound> => {
  const held = new AsyncDisposableStack();
  held.defer(() => closeAll(listeners));
  return { hostPort, listeners, [Symbol.asyncDispose]: () => held.disposeAsync() };
};

const closeAll = (listeners: readonly HostSocket[]): void => {
  for (const listener of listeners) listener[Symbol.dispose]();
};

/** Undefined where an optional address does not exist on this host. */
const tryOpen = <Bound>(open: () => Bound, circumstances: Circumstances): Bound | undefined => {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (circumstances.isOptional && UNAVAILABLE.has(error.code)) return undefined;
    throw describe(error, circumstances);
  }
};

const listen = (address: string, port: number): HostSocket => {
  const family = addressFamily(address);
  const fd = openSocket(family, SOCK_STREAM | SOCK_NONBLOCK);
  try {
    // Lets a port be held again while connections of its last holder are still in TIME_WAIT.
    setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family === AF_INET6) setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    bindSocket(fd, address, port);
    listenSocket(fd, BACKLOG);
    return { address, fd, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
};

/** Why a socket cannot be bound: an error of the kernel's, `EADDRINUSE`. */
type BindFailure = Pick<SystemCallError, 'code' | 'message'>;

interface Circumstances {
  readonly address: string;
  readonly port: number;
  readonly request: HostPortRequest;
  /** Can do without the address. */
  readonly isOptional: boolean;
}

const describe = (cause: BindFailure, circumstances: Circumstances): WasmrunError => {
  const { address, port, request } = circumstances;
  const where = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  if (cause.code === 'EADDRINUSE') return portInUse(cause, circumstances);
  if (cause.code === 'EACCES') {
    return new WasmrunError(
      'PORT_FORBIDDEN',
      `host port ${formatPort(port, protocolOf(request))} may not be used by this user`,
      {
        hint:
          `choose a higher one, e.g. ${forwardOption(8080, request)}, run wasmrun with sudo, or let every user ` +
          `have it: sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}`,
        cause,
      },
    );
  }
  if (UNAVAILABLE.has(cause.code)) {
    return new WasmrunError('BIND_FAILED', `cannot listen on ${where}: this host has no address ${address}`, {
      hint: 'list the addresses of this host with `ip address`, or leave --bind out to use localhost',
      cause,
    });
  }
  return new WasmrunError('BIND_FAILED', `cannot listen on ${where}: ${cause.message}`, { cause });
};

const portInUse = (cause: BindFailure, { address, port, request }: Circumstances): WasmrunError => {
  if (request.port === 0) {
    return new WasmrunError('PORT_IN_USE', `no host port is free on all of ${request.addresses.join(', ')}`, {
      hint: 'choose one, e.g. ' + forwardOption(8080, request),
      cause,
    });
  }
  const protocol = protocolOf(request);
  const owner = findPortOwner(address, port, protocol);
  const process = owner ? `${owner.command} (pid ${owner.pid})` : 'another process';
  const by = request.ownerOf?.(address, port) ?? process;
  return new WasmrunError(
    'PORT_IN_USE',
    `host port ${formatPort(port, protocol)} is already in use by ${by}`,
    {
      hint:
        `choose another (${forwardOption(port < 65_535 ? port + 1 : port - 1, request)}) ` +
        `or let wasmrun choose one (--forward ${processPortOf(request)})`,
      cause,
    },
  );
};

const protocolOf = ({ protocol = 'tcp' }: HostPortRequest): Protocol => protocol;

const processPortOf = (request: HostPortRequest): string =>
  formatPort(request.processPort ?? 'PORT', protocolOf(request));

const forwardOption = (hostPort: number, request: HostPortRequest): string =>
  `--forward ${hostPort}:${processPortOf(request)}`;

const noAddress = (addresses: readonly string[]): WasmrunError =>
  new WasmrunError('BIND_FAILED', `this host has none of the addresses ${addresses.join(', ')}`, {
    hint: 'list the addresses of this host with `ip address`',
  });
