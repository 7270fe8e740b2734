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
  /** Bound sockets of the host; they stay their owner's. */
  readonly sockets: readonly Socket[];
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
  readonly #stop = new DisposableStack();

  constructor(options: DatagramRelayOptions) {
    this.#options = options;
    const { channel, sockets } = options;
    const read = (chunk: Buffer): void => this.#read(chunk);
    channel.on('data', read);
    this.#stop.defer(() => void channel.off('data', read));
    for (const socket of sockets) this.#listen(socket);
  }

  [Symbol.dispose](): void {
    this.#stop.dispose();
  }

  #listen(socket: Socket): void {
    const take = (payload: Buffer, { address, port }: RemoteInfo): void => {
      // RFC 768: port 0 is that of senders who do not want to be answered. They cannot be told apart.
      if (port !== 0) this.#sendIn(this.#clients.guestPortOf({ source: socket, address, port }), payload);
    };
    socket.on('message', take);
    this.#stop.defer(() => void socket.off('message', take));
  }

  #sendIn(guestPort: number, payload: Buffer): void {
    const { channel } = this.#options;
    if (channel.writable && channel.writableLength < QUEUE_LIMIT) {
      channel.write(encodeFrame(RELAYED_ADDRESS, guestPort, payload));
    }
  }

  #read(chunk: Buffer): void {
    if (this.#reader.push(chunk)) return;
    this.#stop.dispose();
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
