/**
 * Opens a connection to another sandbox of this user, which is looked up by its name each time: so it may start
 * later, or anew with another address. Nobody but that sandbox is ever connected to: the record is looked at
 * again when the connection has begun, and as long as it stands, so does what it tells of.
 */
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { WasmrunError } from '../errors.ts';
import { isWildcard } from '../network/forward.ts';
import { SystemCallError } from '../os/libc.ts';
import { openSockets } from '../os/process.ts';
import { SocketDiagnosis } from '../os/socket-diagnosis.ts';
import {
  SOCK_NONBLOCK,
  SOCK_STREAM,
  addressFamily,
  bindToInterface,
  openSocket,
  startConnecting,
} from '../os/socket.ts';
import type { SandboxRecord } from './record.ts';
import type { State } from './state.ts';

export interface PeerRequest {
  readonly state: State;
  /** Id of the sandbox whose guest asks; it is no peer of itself. */
  readonly ownId: string;
  /** Name of the peer. */
  readonly name: string;
  /** Process port of the peer. */
  readonly port: number;
}

/** How an attempt began. */
export type PeerAttempt =
  /** It goes on in the background; whoever asked owns the socket, which does not block. */
  | { readonly socket: number }
  /** Why there is nothing to connect to, as a part of a sentence, and what mends it, as it is typed. */
  | { readonly reason: string; readonly remedy?: string }
  /** It has just gone. */
  | undefined;

/** Where a port of a sandbox is reached from this machine's network. */
interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** The interface that leads there and nowhere else; absent for a host port. */
  readonly veth?: string;
}

export const connectToPeer = (request: PeerRequest): PeerAttempt => {
  const { ownId, name, port } = request;
  const record = find(request);
  if (record instanceof WasmrunError) return { reason: record.message };
  if (record === undefined) return { reason: 'no sandbox of that name is running' };
  if (record.id === ownId) return { reason: 'that is the sandbox itself, whose ports are at localhost' };
  const endpoint = endpointOf(record, port);
  if (endpoint === undefined) {
    return {
      reason: `${name} has no address of its own, and no forward leads to that port`,
      remedy: `wasmrun port expose ${name} ${port}, or --forward ${port} for ${name}`,
    };
  }
  try {
    return open(endpoint, () => isStill(request, record, endpoint));
  } catch (error) {
    if (error instanceof SystemCallError) return { reason: `this machine refuses: ${error.message}` };
    throw error;
  }
};

/** The record of the peer while it runs, or why it cannot be read. */
const find = ({ state, name }: PeerRequest): SandboxRecord | WasmrunError | undefined => {
  try {
    return state.find(name);
  } catch (error) {
    if (error instanceof WasmrunError) return error;
    throw error;
  }
};

/** Without a firewall a sandbox has an address of its own, but no link that leads there. */
const endpointOf = ({ enclosure, firewall, forwards }: SandboxRecord, port: number): Endpoint | undefined => {
  if (enclosure.isolation === 'namespace' && firewall !== undefined) {
    const { sandboxAddress: address, veth } = enclosure.link;
    return { address, port, veth };
  }
  const ways = forwards
    .filter(({ protocol, processPort }) => protocol === 'tcp' && processPort === port)
    .flatMap(({ addresses, hostPort }) => addresses.map((address) => ({ address, port: hostPort })));
  // The guest's own socket is one of IPv4: the address that stands for the peer is.
  const way = ways.find(({ address }) => !address.includes(':')) ?? ways[0];
  if (way === undefined || !isWildcard(way.address)) return way;
  return { ...way, address: way.address.includes(':') ? '::1' : '127.0.0.1' };
};

/**
 * @param isRight - asked when the connection has begun
 * @returns undefined where nobody is there, or not the right one
 */
const open = ({ address, port, veth }: Endpoint, isRight: () => boolean): PeerAttempt => {
  const socket = openSocket(addressFamily(address), SOCK_STREAM | SOCK_NONBLOCK);
  using made = new DisposableStack();
  made.defer(() => closeSync(socket));
  // Where the link has gone, the address is not to be looked for anywhere else.
  if (veth !== undefined && !bindIfThere(socket, veth)) return undefined;
  const errno = startConnecting(socket, address, port);
  if ((errno !== 0 && errno !== constants.errno.EINPROGRESS) || !isRight()) return undefined;
  made.move();
  return { socket };
};

const bindIfThere = (socket: number, veth: string): boolean => {
  try {
    bindToInterface(socket, veth);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === constants.errno.ENODEV) return false;
    throw error;
  }
};

/** A link is taken away before its record, a host port is given back before that is written down. */
const isStill = (request: PeerRequest, { pid, startedAt }: SandboxRecord, endpoint: Endpoint): boolean => {
  const now = find(request);
  if (now === undefined || now instanceof WasmrunError) return false;
  if (now.pid !== pid || now.startedAt !== startedAt) return false;
  const { address, port, veth } = endpointOf(now, request.port) ?? {};
  if (address !== endpoint.address || port !== endpoint.port || veth !== endpoint.veth) return false;
  return veth !== undefined || holdsPort(pid, address, port);
};

/** Is every socket that takes connections there one of this process? */
const holdsPort = (pid: number, address: string, port: number): boolean => {
  using diagnosis = new SocketDiagnosis();
  const listeners = diagnosis
    .list({ protocol: 'tcp', states: ['listen'], localPort: port })
    .filter(({ localAddress }) => localAddress === address || isWildcard(localAddress));
  const own = openSockets(pid);
  return listeners.length > 0 && listeners.every(({ inode }) => own.has(inode));
};
