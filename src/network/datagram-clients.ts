/**
 * Who has sent datagrams to a relayed port, and the port by which the guest knows each of them. Answers go
 * to nobody else.
 */

/** How many are remembered at a time. */
const CAPACITY = 4096;
/**
 * How long one is remembered after the last datagram either way, in ms; the kernel's own memory of such
 * flows (nf_conntrack_udp_timeout_stream) has been that long and is 120 s now.
 */
const IDLE_MS = 180_000;
const MAX_PORT = 65_535;

export interface DatagramClient<Source> {
  /** The host's socket it has sent to, which answers have to leave by. */
  readonly source: Source;
  readonly address: string;
  readonly port: number;
}

export interface DatagramClientsOptions {
  readonly capacity?: number;
  readonly idleMs?: number;
  /** A clock in ms. */
  readonly now?: () => number;
}

interface Entry<Source> {
  readonly client: DatagramClient<Source>;
  /** By which the guest knows it. */
  readonly guestPort: number;
  lastSeen: number;
}

export class DatagramClients<Source> {
  readonly #capacity: number;
  readonly #idleMs: number;
  readonly #now: () => number;
  /** By source, address and port; who was silent longest comes first. */
  readonly #entries = new Map<string, Entry<Source>>();
  readonly #byGuestPort = new Map<number, Entry<Source>>();
  /** A number for each source that has clients. */
  readonly #sources = new Map<Source, number>();
  #lastSource = 0;

  constructor({
    capacity = CAPACITY,
    idleMs = IDLE_MS,
    now = () => performance.now(),
  }: DatagramClientsOptions = {}) {
    this.#capacity = capacity;
    this.#idleMs = idleMs;
    this.#now = now;
  }

  /** The port a client has for the guest: its own one, unless another client had that first. */
  guestPortOf(client: DatagramClient<Source>): number {
    const key = this.#keyOf(client);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#makeRoom();
      entry = { client, guestPort: this.#freePort(client.port), lastSeen: 0 };
      this.#byGuestPort.set(entry.guestPort, entry);
    }
    this.#touch(key, entry);
    return entry.guestPort;
  }

  /** The client behind a port, undefined where none is remembered. */
  find(guestPort: number): DatagramClient<Source> | undefined {
    const entry = this.#byGuestPort.get(guestPort);
    if (entry === undefined) return undefined;
    const key = this.#keyOf(entry.client);
    if (this.#isForgotten(entry)) {
      this.#forget(key, entry);
      return undefined;
    }
    this.#touch(key, entry);
    return entry.client;
  }

  /** A source is closed: none of its clients can be answered any more. */
  forgetSource(source: Source): void {
    for (const [key, entry] of this.#entries) if (entry.client.source === source) this.#forget(key, entry);
    this.#sources.delete(source);
  }

  #keyOf({ source, address, port }: DatagramClient<Source>): string {
    const number = this.#sources.get(source) ?? (this.#lastSource += 1);
    this.#sources.set(source, number);
    return `${number} ${address} ${port}`;
  }

  #touch(key: string, entry: Entry<Source>): void {
    entry.lastSeen = this.#now();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  #isForgotten({ lastSeen }: Entry<Source>): boolean {
    return this.#now() - lastSeen > this.#idleMs;
  }

  #makeRoom(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size < this.#capacity && !this.#isForgotten(entry)) return;
      this.#forget(key, entry);
    }
  }

  #forget(key: string, { guestPort }: Entry<Source>): void {
    this.#entries.delete(key);
    this.#byGuestPort.delete(guestPort);
  }

  /** There are more ports than clients. */
  #freePort(wanted: number): number {
    let port = wanted;
    while (this.#byGuestPort.has(port)) port = (port % MAX_PORT) + 1;
    return port;
  }
}
