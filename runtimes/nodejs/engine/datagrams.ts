/** The engine's half of `internalBinding('udp_wrap')`: sockets of UDP, forwarded ports included. */
import { ERRNO } from '../guest/errno.ts';
import type { DatagramSocket } from '../../../src/engine/datagram-socket.ts';
import { FDFLAG } from '../../../src/engine/descriptor.ts';
import type { EngineServices } from '../../../src/engine/driver.ts';
import { WASI } from '../../../src/engine/errno.ts';
import type { Watch } from '../../../src/engine/event-poll.ts';
import { numericAddress } from '../../../src/engine/name-lookup.ts';
import { POLLIN, POLLOUT } from '../../../src/engine/poll-events.ts';
import type { SocketAddress } from '../../../src/engine/socket-address.ts';
import type { EngineFunctions, Guest } from './guest.ts';
import { OpenHandle } from './handle-table.ts';
import type { HandleTable } from './handle-table.ts';
import { printedAddress } from './printed-address.ts';
import type { TransferMemory } from './transfer-memory.ts';
import { toUv } from './uv-error.ts';

/** socket(7), ip(7), ipv6(7): by name the option of IPv4, then that of IPv6. */
const SOL_SOCKET = 1;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SO_REUSEADDR = 2;
type Option = readonly [level: number, name: number];
const OPTIONS: Readonly<Record<string, readonly [Option, Option]>> = {
  broadcast: [
    [SOL_SOCKET, 6],
    [SOL_SOCKET, 6],
  ],
  ttl: [
    [IPPROTO_IP, 2],
    [IPPROTO_IPV6, 16],
  ],
  multicastTtl: [
    [IPPROTO_IP, 33],
    [IPPROTO_IPV6, 18],
  ],
  multicastLoopback: [
    [IPPROTO_IP, 34],
    [IPPROTO_IPV6, 19],
  ],
  sendBuffer: [
    [SOL_SOCKET, 7],
    [SOL_SOCKET, 7],
  ],
  receiveBuffer: [
    [SOL_SOCKET, 8],
    [SOL_SOCKET, 8],
  ],
};
/** udp_wrap.cc: UV_UDP_*. */
const ONLY_IPV6 = 1;
const REUSE_ADDRESS = 4;

/** Bytes of datagrams that wait in the engine for room in the kernel. */
const MAX_UNSENT = 2 ** 20;
/** Datagrams of one socket before others have their turn (uv__udp_recvmsg). */
const DATAGRAMS_PER_EVENT = 32;

const int = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);

interface Unsent {
  readonly bytes: Uint8Array;
  readonly to: SocketAddress | undefined;
}

interface Options {
  readonly table: HandleTable;
  readonly events: EngineServices['events'];
  readonly memory: TransferMemory;
  readonly guest: () => Guest;
}

/** A socket of the guest's. */
class Datagrams extends OpenHandle {
  readonly socket: DatagramSocket;
  readonly isIpv6: boolean;
  readonly #options: Options;
  readonly #unsent: Unsent[] = [];
  #unsentSize = 0;
  #watch: Watch | undefined;
  #isReceiving = false;

  constructor(id: number, socket: DatagramSocket, isIpv6: boolean, options: Options) {
    super(options.table, id, () => this.#release());
    this.socket = socket;
    this.isIpv6 = isIpv6;
    this.#options = options;
  }

  receive(isOn: boolean): void {
    if (isOn === this.#isReceiving) return;
    this.#isReceiving = isOn;
    this.addActivity(isOn ? 1 : -1);
    this.#wait();
  }

  /** One more than its length where it has left, 0 where it will, or an error of libuv. */
  send(bytes: Uint8Array, to: SocketAddress | undefined): number {
    if (this.#unsent.length === 0) {
      const result = this.#send(bytes, to);
      if (result !== -WASI.EAGAIN) return result < 0 ? toUv(result) : result + 1;
    }
    if (this.#unsentSize + bytes.length > MAX_UNSENT) return ERRNO.ENOBUFS;
    this.#unsentSize += bytes.length;
    this.#unsent.push({ bytes: Uint8Array.from(bytes), to });
    this.addActivity(1);
    this.#wait();
    return 0;
  }

  #send(bytes: Uint8Array, to: SocketAddress | undefined): number {
    const { memory } = this.#options;
    return memory.with(bytes, (address) => {
      memory.load(address, bytes.length);
      return this.socket.sendTo(memory, to);
    });
  }

  #wait(): void {
    const wanted = (this.#isReceiving ? POLLIN : 0) | (this.#unsent.length > 0 ? POLLOUT : 0);
    if (this.#watch !== undefined) return this.#watch.change(wanted);
    if (wanted === 0) return;
    this.#watch = this.#options.events.watch(this.socket, wanted, (events) => {
      if ((events & ~POLLIN) !== 0) this.#flush();
      if (this.#isReceiving && (events & ~POLLOUT) !== 0) this.#take();
    });
  }

  #flush(): void {
    for (;;) {
      const first = this.#unsent[0];
      if (first === undefined) break;
      const result = this.#send(first.bytes, first.to);
      if (result === -WASI.EAGAIN) break;
      this.#unsent.shift();
      this.#unsentSize -= first.bytes.length;
      this.addActivity(-1);
      this.#options.guest().call('datagramSent', this.id, result < 0 ? toUv(result) : 0, first.bytes.length);
    }
    if (this.#watch !== undefined) this.#wait();
  }

  #take(): void {
    const { memory, guest } = this.#options;
    for (let count = 0; count < DATAGRAMS_PER_EVENT && this.#isReceiving; count += 1) {
      memory.loadForReading();
      const datagram = this.socket.receiveFrom(memory, 0);
      if (typeof datagram !== 'number') {
        const bytes = memory.bytesRead(datagram.length);
        guest().call('datagram', this.id, bytes, printedAddress(datagram.from));
      } else if (datagram === -WASI.EAGAIN) return;
      else guest().call('datagramError', this.id, toUv(datagram));
    }
  }

  #release(): void {
    this.#isReceiving = false;
    this.#unsent.length = 0;
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    this.socket.close();
  }
}

/** All of them. */
export class GuestDatagrams {
  readonly #services: EngineServices;
  readonly #options: Options;

  constructor(services: EngineServices, options: Options) {
    this.#services = services;
    this.#options = options;
  }

  #find(id: number): Datagrams | undefined {
    const handle = this.#options.table.get(id);
    return handle instanceof Datagrams ? handle : undefined;
  }

  /** Binds a socket; its number, or an error. */
  bind(address: string, port: number, flags: number): number {
    const ip = numericAddress(address);
    if (ip === undefined) return ERRNO.EINVAL;
    const isIpv6 = ip.length === 16;
    const socket = this.#services.openSocket(isIpv6 ? 6 : 4, 'datagram');
    if (typeof socket === 'number') return toUv(socket);
    socket.setFlags(FDFLAG.nonblock);
    if ((flags & REUSE_ADDRESS) !== 0) socket.setOption(SOL_SOCKET, SO_REUSEADDR, int(1));
    if (isIpv6) socket.setOption(IPPROTO_IPV6, IPV6_V6ONLY, int(flags & ONLY_IPV6));
    const result = socket.bind({ ip, port });
    if (result < 0) {
      socket.close();
      return toUv(result);
    }
    const { table } = this.#options;
    return table.add((id) => new Datagrams(id, socket, isIpv6, this.#options)).id;
  }

  connect(id: number, address: string, port: number): number {
    const ip = numericAddress(address);
    const found = this.#find(id);
    if (ip === undefined || found === undefined) return ERRNO.EINVAL;
    return toUv(found.socket.connect({ ip, port }, this.#services.broker));
  }

  send(id: number, bytes: Uint8Array, address: string | undefined, port: number): number {
    const found = this.#find(id);
    if (found === undefined) return ERRNO.EBADF;
    if (address === undefined) return found.send(bytes, undefined);
    const ip = numericAddress(address);
    return ip === undefined ? ERRNO.EINVAL : found.send(bytes, { ip, port });
  }

  receive(id: number, isOn: boolean): number {
    const found = this.#find(id);
    found?.receive(isOn);
    return found === undefined ? ERRNO.EBADF : 0;
  }

  address(id: number, isPeer: boolean): string {
    const socket = this.#find(id)?.socket;
    if (socket === undefined) return String(ERRNO.EBADF);
    const found = isPeer ? socket.peerAddress() : socket.localAddress();
    return typeof found === 'number' ? String(toUv(found)) : printedAddress(found);
  }

  /** Sets an option, or tells it where no value is given; 0 or what it is, or an error. */
  option(id: number, name: string, value: number | undefined): number {
    const found = this.#find(id);
    const option = OPTIONS[name]?.[found?.isIpv6 === true ? 1 : 0];
    if (found === undefined || option === undefined) return ERRNO.EBADF;
    if (value !== undefined) return toUv(found.socket.setOption(...option, int(value)));
    const into = new Int32Array(1);
    const result = found.socket.getOption(...option, new Uint8Array(into.buffer));
    return result < 0 ? toUv(result) : into[0]!;
  }
}

export const datagramFunctions = (datagrams: () => GuestDatagrams): EngineFunctions => ({
  plain: {
    udpBind: (address: string, port: number, flags: number) => datagrams().bind(address, port, flags),
    udpConnect: (id: number, address: string, port: number) => datagrams().connect(id, address, port),
    udpSend: (id: number, bytes: Uint8Array, address: string | undefined, port: number) =>
      datagrams().send(id, Uint8Array.from(bytes), address, port),
    udpReceive: (id: number, isOn: boolean) => datagrams().receive(id, isOn),
    udpAddress: (id: number, isPeer: boolean) => datagrams().address(id, isPeer),
    udpOption: (id: number, name: string, value?: number) => datagrams().option(id, name, value),
  },
  raw: {},
});
