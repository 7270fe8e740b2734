/**
 * Opens the guest's connections. The engine's system call filter refuses connect(2) altogether: it asks here,
 * the rules are applied, and a connecting socket comes back. So one mechanism serves every kind of isolation,
 * nothing inside can get around the rules, and a socket of the host's namespace that a guest accepted from
 * can never be turned into a connection of the host.
 */
import { lookup } from 'node:dns/promises';
import { closeSync, fstatSync } from 'node:fs';
import { MAX_REQUESTS } from '../engine/messages.ts';
import type { ConnectMessage, ReplyPacket, ResolveMessage } from '../engine/messages.ts';
import { WasmrunError } from '../errors.ts';
import { plainAddress } from '../network/egress.ts';
import type { EgressPolicy } from '../network/egress.ts';
import type { NamespaceIdentity } from '../network/namespace.ts';
import type { Peer, Peers } from '../network/peers.ts';
import { SystemCallError } from '../os/libc.ts';
import {
  SOCK_NONBLOCK,
  SOCK_STREAM,
  addressFamily,
  openSocket,
  openSocketNamespace,
  startConnecting,
} from '../os/socket.ts';
import type { RefusedEvent } from './events.ts';
import type { SandboxRecord } from './record.ts';
import type { SocketChannel } from './socket-channel.ts';
import type { State } from './state.ts';

/** Most addresses of a name that are passed on: a reply is one short message. */
const MAX_ADDRESSES = 16;
/** Destinations whose refusal is told, at most: a guest that scans must not fill the terminal. */
const MAX_TOLD = 100;
const NO_UDP = 'UDP does not leave a sandbox';
/** How long names that rules spell out are not looked up again for an address they did not give, in ms. */
const LOOKUP_PAUSE_MS = 5000;
/** errno.h */
const ERRNO = { ENOENT: 2, EAGAIN: 11, EACCES: 13, EINPROGRESS: 115, ECONNREFUSED: 111 } as const;

export interface OutboundOptions {
  readonly channel: SocketChannel;
  readonly policy: EgressPolicy;
  /**
   * The sandbox's own namespace: there its guest connects to itself. Absent where it has none; its engine hands no
   * sockets up then, as its system call filter has it.
   */
  readonly namespace: NamespaceIdentity | undefined;
  /** The sandbox's own address; its guest reaches itself there, too. */
  readonly sandboxAddress: string | undefined;
  /** Other sandboxes that may be reached by name. */
  readonly peers: Peers;
  /** Id of the sandbox. */
  readonly ownId: string;
  /** Where sandboxes of this user are found. */
  readonly state: State;
  /** Called once for each destination and reason. */
  readonly onRefused: (refusal: RefusedEvent) => void;
}

/** Of a name that was looked up again. */
interface Lookup {
  /** performance.now() */
  readonly since: number;
  readonly done: Promise<unknown>;
}

/** Answers the requests of one engine. */
export class OutboundBroker {
  readonly #options: OutboundOptions;
  readonly #told = new Set<string>();
  /** Names that rules spell out, looked up again. */
  readonly #lookups = new Map<string, Lookup>();
  /** Ids of requests that wait for their answers. */
  readonly #pending = new Set<number>();

  constructor(options: OutboundOptions) {
    this.#options = options;
  }

  /**
   * Answers a request. False for what no engine of ours would say: too many at once, the same twice, or one
   * without its socket.
   */
  answer(message: ConnectMessage | ResolveMessage): boolean {
    if (this.#pending.size >= MAX_REQUESTS || this.#pending.has(message.id)) return false;
    this.#pending.add(message.id);
    if (message.type === 'resolve') {
      void this.#resolve(message);
      return true;
    }
    const { channel, namespace } = this.#options;
    if (namespace === undefined) {
      void this.#connect(message, undefined);
      return true;
    }
    const socket = channel.take();
    if (socket === undefined) return false;
    void this.#connect(message, socket).finally(() => closeSync(socket));
    return true;
  }

  async #connect(message: ConnectMessage, socket: number | undefined): Promise<void> {
    const { id, address, port, protocol } = message;
    if (this.#isInside(address)) {
      // Whatever else the engine may have sent, the host's own loopback is not connected to.
      const isOwn = socket !== undefined && this.#isOwn(socket);
      return this.#reply(id, { errno: isOwn ? startConnecting(socket, address, port) : ERRNO.EACCES });
    }
    const peer = this.#options.peers.at(plainAddress(address));
    if (peer !== undefined) return this.#connectToPeer(message, peer);
    const isTcp = protocol === 'tcp';
    const decision = isTcp ? await this.#decide(address, port) : this.#options.policy.decide(address, port);
    if (decision.allowed && isTcp) return this.#open(message);
    const destination = `${isIpv6(address) ? `[${address}]` : address}:${port}`;
    if (isTcp && !decision.allowed) {
      const remedy = `--allow-net ${destination}`;
      this.#tell({ type: 'refused', destination, reason: decision.reason, remedy });
    } else this.#tell({ type: 'refused', destination: `${destination}/udp`, reason: NO_UDP });
    return this.#reply(id, { errno: ERRNO.ECONNREFUSED });
  }

  async #connectToPeer({ id, port, protocol }: ConnectMessage, { name, ports }: Peer): Promise<void> {
    const refuse = (
      destination: string,
      why: { readonly reason: string; readonly remedy?: string },
    ): void => {
      this.#tell({ type: 'refused', destination, ...why });
      this.#reply(id, { errno: ERRNO.ECONNREFUSED });
    };
    const destination = `${name}:${port}`;
    if (protocol === 'udp') return refuse(`${destination}/udp`, { reason: NO_UDP });
    if (ports?.has(port) === false) {
      return refuse(destination, { reason: 'not a port of that peer', remedy: `--peer ${destination}` });
    }
    const { connectToPeer } = await import('./peer-connection.ts');
    const { state, ownId } = this.#options;
    const attempt = connectToPeer({ state, ownId, name, port });
    if (attempt === undefined) return this.#reply(id, { errno: ERRNO.ECONNREFUSED });
    if ('reason' in attempt) return refuse(destination, attempt);
    this.#reply(id, { errno: ERRNO.EINPROGRESS }, attempt.socket);
    closeSync(attempt.socket);
  }

  /** Names that rules spell out are looked up once more: their addresses may have changed. */
  async #decide(address: string, port: number): Promise<ReturnType<EgressPolicy['decide']>> {
    const { policy } = this.#options;
    const decision = policy.decide(address, port);
    if (decision.allowed) return decision;
    const names = policy.namesFor(port);
    if (names.length === 0) return decision;
    await Promise.all(names.map((name) => this.#lookUpAgain(name)));
    return policy.decide(address, port);
  }

  /** At most once in a while; who comes while it goes on waits for the same answer. */
  #lookUpAgain(name: string): Promise<unknown> {
    const now = performance.now();
    const last = this.#lookups.get(name);
    if (last !== undefined && now - last.since < LOOKUP_PAUSE_MS) return last.done;
    const done = this.#lookUp(name).catch(() => []);
    this.#lookups.set(name, { since: now, done });
    return done;
  }

  /** Looks a name up as the host would, if a rule lets the guest know it. */
  async #resolve({ id, name }: ResolveMessage): Promise<void> {
    const { peers, policy } = this.#options;
    const peer = peers.addressOf(name);
    if (peer !== undefined) return this.#reply(id, { errno: 0, addresses: [peer] });
    const decision = policy.decideName(name);
    if (!decision.allowed) {
      if (!this.#tellIfSandbox(name)) {
        const remedy = `--allow-net ${name}`;
        this.#tell({ type: 'refused', destination: name, reason: decision.reason, remedy });
      }
      return this.#reply(id, { errno: ERRNO.ENOENT });
    }
    try {
      const addresses = await this.#lookUp(name);
      return this.#reply(id, { errno: 0, addresses: addresses.slice(0, MAX_ADDRESSES) });
    } catch (error) {
      // dns.lookup: ENOTFOUND stands for both an unknown name and one without addresses.
      const isUnknown = (error as NodeJS.ErrnoException).code === 'ENOTFOUND';
      if (isUnknown) this.#tellIfSandbox(name);
      return this.#reply(id, { errno: isUnknown ? ERRNO.ENOENT : ERRNO.EAGAIN });
    }
  }

  /** The guest hears that the name is unknown, its user that a sandbox of theirs is called so: and whether it is. */
  #tellIfSandbox(name: string): boolean {
    const { state, ownId } = this.#options;
    let found: SandboxRecord | undefined;
    try {
      found = state.find(name);
    } catch (error) {
      if (!(error instanceof WasmrunError)) throw error;
    }
    if (found === undefined || found.id === ownId) return false;
    this.#tell({ type: 'refused', destination: name, reason: 'not a peer', remedy: `--peer ${name}` });
    return true;
  }

  async #lookUp(name: string): Promise<string[]> {
    const addresses = (await lookup(name, { all: true, order: 'verbatim' })).map(({ address }) => address);
    this.#options.policy.learn(name, addresses.map(plainAddress));
    return addresses;
  }

  /** Loopback, "this machine" (which Linux takes for loopback), and the sandbox's own address. */
  #isInside(address: string): boolean {
    const plain = plainAddress(address);
    return plain.startsWith('127.') || ['::1', '0.0.0.0', '::', this.#options.sandboxAddress].includes(plain);
  }

  #isOwn(socket: number): boolean {
    let namespace: number | undefined;
    try {
      namespace = openSocketNamespace(socket);
      const { dev, ino } = fstatSync(namespace, { bigint: true });
      const own = this.#options.namespace;
      return own !== undefined && dev === own.dev && ino === own.ino;
    } catch (error) {
      // Not a socket, or one of a namespace that is not ours to look at.
      if (error instanceof SystemCallError) return false;
      throw error;
    } finally {
      if (namespace !== undefined) closeSync(namespace);
    }
  }

  #open({ id, address, port }: ConnectMessage): void {
    let socket: number | undefined;
    try {
      socket = openSocket(addressFamily(address), SOCK_STREAM | SOCK_NONBLOCK);
      const errno = startConnecting(socket, address, port);
      this.#reply(id, { errno }, errno === ERRNO.EINPROGRESS || errno === 0 ? socket : undefined);
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.#reply(id, { errno: error.errno });
    } finally {
      if (socket !== undefined) closeSync(socket);
    }
  }

  #tell(refusal: RefusedEvent): void {
    const key = `${refusal.destination} ${refusal.reason}`;
    if (this.#told.has(key) || this.#told.size >= MAX_TOLD) return;
    this.#told.add(key);
    this.#options.onRefused(refusal);
  }

  #reply(id: number, reply: Omit<ReplyPacket, 'kind' | 'id'>, socket?: number): void {
    this.#pending.delete(id);
    this.#options.channel.hand({ kind: 'reply', id, ...reply }, socket);
  }
}

const isIpv6 = (address: string): boolean => address.includes(':');
