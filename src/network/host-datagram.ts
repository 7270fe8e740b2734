/**
 * Holds a port of the host for a forward of UDP. The sockets never leave the supervisor: one that was made
 * in the host's network namespace could send to anybody, whoever has it.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { LookupOptions } from 'node:dns';
import {
  addressFamily,
  AF_INET6,
  bindSocket,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  openSocket,
  setSocketOption,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from '../os/socket.ts';
import { type HeldPort, holdOnAll, type HostPortRequest, type HostSocket } from './host-listener.ts';

/** A bound socket, watched by the event loop: it emits each datagram as a `message`. */
export interface HostDatagramSocket extends HostSocket {
  readonly socket: Socket;
}

/**
 * Binds, and begins to receive. What nobody takes is lost.
 * @throws {WasmrunError} PORT_IN_USE with the owner, PORT_FORBIDDEN, BIND_FAILED
 */
export const holdDatagramPort = (request: Omit<HostPortRequest, 'protocol'>): HeldPort<HostDatagramSocket> =>
  holdOnAll({ ...request, protocol: 'udp' }, open);

const open = (address: string, port: number): HostDatagramSocket => {
  const family = addressFamily(address);
  const fd = openSocket(family, SOCK_DGRAM | SOCK_NONBLOCK);
  const socket = createSocket({ type: family === AF_INET6 ? 'udp6' : 'udp4', lookup: asItIs });
  // An error is about one datagram that did not come; the socket remains usable.
  socket.on('error', () => {});
  socket.bind({ fd });
  try {
    // libuv sets it on whatever it is given (uv_udp_open). Bound like that, others could bind the same port
    // and take the datagrams.
    setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 0);
    if (family === AF_INET6) setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    bindSocket(fd, address, port);
    return { address, fd, socket, [Symbol.dispose]: () => socket.close() };
  } catch (error) {
    socket.close();
    throw error;
  }
};

/** Datagrams are only ever sent to addresses they came from: there is no name to look up. */
const asItIs = (
  address: string,
  _options: LookupOptions,
  done: (error: null, address: string, family: number) => void,
): void => done(null, address, address.includes(':') ? 6 : 4);
