/**
 * Carries datagrams between held host ports and an engine, for everything the kernel does not redirect. The
 * host's sockets stay here, in the supervisor; the engine is at the other end of a stream of frames. Both
 * ways what finds no room is lost, as with any datagram.
 */
import type { RemoteInfo, Socket } from 'node:dgram';
import type { Duplex } from 'node:stream';
import { encodeFrame, type FrameHeader, FrameReader, RELAYED_ADDRESS } from '../os/datagram-frame.ts';
import { DatagramClients } from './datagram-clients.ts';

/** What may wait for an engine that does not read, or for the network to take it, in bytes. */
const QUEUE_LIMIT = 1 << 20;

export interface DatagramRelayOptions {
  /** The engine's end is a DatagramChannel. */
  readonly channel: Duplex;
  /** Called once if the engine says what is no frame; nothing it says is heard after that. */
  readonly onNonsense: () => void;
}

/** Relays until disposed. All its clients appear as {@link RELAYED_ADDRESS}, each with a port of its own. */
export class DatagramRelay implements Disposable {
  readonly #options: DatagramRelayOptions;
  readonly #clients = new DatagramClients<Socket>();
  readonly #reader = new FrameReader((peer, payload) => this.#sendOut(peer, payload));
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  /** What is called with the datagrams of each socket that is served. */
  readonly #served = new Map<Socket, (payload: Buffer, from: RemoteInfo) => void>();
  /** Sockets that may have clients, and what is called when one closes. */
  readonly #open = new Map<Socket, () => void>();

  constructor(options: DatagramRelayOptions) {
    this.#options = options;
    options.channel.on('data', this.#onData);
  }

  /**
   * Takes datagrams from these sockets and no others from now on; answers leave by all that are open.
   * @param sockets - bound sockets of the host; they stay their owner's
   */
  serve(sockets: readonly Socket[]): void {
    for (const [socket, take] of this.#served) {
      if (sockets.includes(socket)) continue;
      socket.off('message', take);
      this.#served.delete(socket);
    }
    for (const socket of sockets) if (!this.#served.has(socket)) this.#listen(socket);
  }

  [Symbol.dispose](): void {
    this.#options.channel.off('data', this.#onData);
    this.serve([]);
    for (const [socket, forget] of this.#open) socket.off('close', forget);
  }

  #listen(socket: Socket): void {
    const take = (payload: Buffer, { address, port }: RemoteInfo): void => {
      // RFC 768: port 0 is that of senders who do not want to be answered. They cannot be told apart.
      if (port !== 0) this.#sendIn(this.#clients.guestPortOf({ source: socket, address, port }), payload);
    };
    this.#served.set(socket, take);
    socket.on('message', take);
    if (!this.#open.has(socket)) this.#followToEnd(socket);
  }

  /** Its clients may be answered at any time, and sending by a closed socket throws. */
  #followToEnd(socket: Socket): void {
    const forget = (): void => {
      this.#open.delete(socket);
      this.#served.delete(socket);
      this.#clients.forgetSource(socket);
    };
    this.#open.set(socket, forget);
    socket.once('close', forget);
  }

  #sendIn(guestPort: number, payload: Buffer): void {
    const { channel } = this.#options;
    if (channel.writable && channel.writableLength < QUEUE_LIMIT) {
      channel.write(encodeFrame(RELAYED_ADDRESS, guestPort, payload));
    }
  }

  #read(chunk: Buffer): void {
    if (this.#reader.push(chunk)) return;
    this[Symbol.dispose]();
    this.#options.onNonsense();
  }

  /** Only to who has sent something first: whatever runs inside, it cannot reach anybody else through here. */
  #sendOut({ ip, port }: FrameHeader, payload: Buffer): void {
    if (Buffer.compare(ip, RELAYED_ADDRESS) !== 0) return;
    const client = this.#clients.find(port);
    if (client === undefined || client.source.getSendQueueSize() >= QUEUE_LIMIT) return;
    client.source.send(payload, client.port, client.address, () => {});
  }
}
