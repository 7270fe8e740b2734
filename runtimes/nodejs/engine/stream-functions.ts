/** The engine's halves of the guest's handles: connections, listeners, standard streams, names. */
import { ERRNO } from '../guest/errno.ts';
import { isAscii } from 'node:buffer';
import { fstatSync } from 'node:fs';
import { FDFLAG } from '../../../src/engine/descriptor.ts';
import type { EngineServices } from '../../../src/engine/driver.ts';
import { WASI } from '../../../src/engine/errno.ts';
import { numericAddress, startLookUp } from '../../../src/engine/name-lookup.ts';
import { POLLIN } from '../../../src/engine/poll-events.ts';
import type { StreamSocket } from '../../../src/engine/sockets.ts';
import type { Listener } from '../../../src/engine/listeners.ts';
import type { Bridge } from './bridge.ts';
import { engineBinding } from './engine-binding.ts';
import type { EngineFunctions, Guest } from './guest.ts';
import type { HttpParsers } from './http-parser.ts';
import { HandleTable, OpenHandle } from './handle-table.ts';
import { net, tty } from './lazy-modules.ts';
import { canonicalIp, printedAddress } from './printed-address.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { TransferMemory } from './transfer-memory.ts';
import { Stream } from './stream.ts';
import { toUv } from './uv-error.ts';
import { BytesInMemory, VALUE_SIZE } from './values.ts';
import type { Crossing } from './values.ts';

/** uv.h, uv_tcp_flags. */
const UV_TCP_IPV6ONLY = 1;
const UV_TCP_REUSEPORT = 2;

/** socket.h, netinet/tcp.h, ipv6(7) */
const IPPROTO_IP = 0;
const IP_TOS = 1;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
const SO_REUSEPORT = 15;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** Connections of one listener before others have their turn. */
const ACCEPTS_PER_EVENT = 64;
const DEFAULT_WINDOW: readonly [number, number] = [80, 24];

const int = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);

/** A socket before it is a stream or a listener. */
class BoundSocket extends OpenHandle {
  readonly socket: StreamSocket;

  constructor(table: HandleTable, id: number, socket: StreamSocket) {
    super(table, id, () => this.closeSocket());
    this.socket = socket;
  }

  listener: Listener | undefined;
  isConnecting = false;

  closeSocket(): void {
    (this.listener ?? this.socket).close();
  }
}

/** Everything of a guest that is open. Made with the services; the guest calls before only what needs none. */
export class GuestStreams {
  readonly table = new HandleTable();
  readonly #services: EngineServices;
  readonly #guest: () => Guest;
  readonly #memory: TransferMemory;

  readonly #parsers: HttpParsers;
  readonly #budget: MemoryBudget;

  constructor(
    services: EngineServices,
    guest: () => Guest,
    { parsers, memory, budget }: { parsers: HttpParsers; memory: TransferMemory; budget: MemoryBudget },
  ) {
    this.#services = services;
    this.#parsers = parsers;
    this.#guest = guest;
    this.#memory = memory;
    this.#budget = budget;
  }

  stream(id: number): Stream | undefined {
    const handle = this.table.get(id);
    return handle instanceof Stream ? handle : undefined;
  }

  socketOf(id: number): StreamSocket | undefined {
    const handle = this.table.get(id);
    if (handle instanceof BoundSocket) return handle.socket;
    return handle instanceof Stream ? handle.socket : undefined;
  }

  openStandardStream(fd: number): number {
    const stream = this.#services.streams[fd];
    if (stream === undefined) return ERRNO.EBADF;
    stream.setFlags(FDFLAG.nonblock);
    return this.table.add((id) => this.#newStream(id, stream, undefined)).id;
  }

  bind(address: string, port: number, flags: number): number {
    const ip = numericAddress(address);
    if (ip === undefined) return ERRNO.EINVAL;
    const socket = this.#services.openSocket(ip.length === 4 ? 4 : 6, 'stream');
    if (typeof socket === 'number') return toUv(socket);
    socket.setFlags(FDFLAG.nonblock);
    socket.setOption(SOL_SOCKET, SO_REUSEADDR, int(1));
    if ((flags & UV_TCP_REUSEPORT) !== 0) socket.setOption(SOL_SOCKET, SO_REUSEPORT, int(1));
    if (ip.length === 16) socket.setOption(IPPROTO_IPV6, IPV6_V6ONLY, int(flags & UV_TCP_IPV6ONLY));
    const result = this.#services.listeners.bind(socket, { ip, port });
    if (result < 0) {
      socket.close();
      return toUv(result);
    }
    return this.table.add((id) => new BoundSocket(this.table, id, socket)).id;
  }

  listen(id: number, backlog: number): number {
    const handle = this.table.get(id);
    if (!(handle instanceof BoundSocket)) return ERRNO.EINVAL;
    const listener = this.#services.listeners.listen(handle.socket, backlog);
    if (typeof listener === 'number') return toUv(listener);
    listener.setFlags(FDFLAG.nonblock);
    handle.listener = listener;
    handle.addActivity(1);
    this.#services.events.watch(listener, POLLIN, () => this.#accept(id, listener));
    return 0;
  }

  #accept(id: number, listener: Listener): void {
    for (let count = 0; count < ACCEPTS_PER_EVENT && this.table.get(id) !== undefined; count += 1) {
      const socket = listener.accept();
      if (typeof socket === 'number') {
        if (socket !== -WASI.EAGAIN) this.#guest().call('connection', id, toUv(socket), 0);
        return;
      }
      socket.setFlags(FDFLAG.nonblock);
      this.#guest().call('connection', id, 0, this.#adopt(socket).id);
    }
  }

  connect(id: number, address: string, port: number): number {
    const ip = numericAddress(address);
    if (ip === undefined) return ERRNO.EINVAL;
    const given = this.socketOf(id);
    const socket = given ?? this.#services.openSocket(ip.length === 4 ? 4 : 6, 'stream');
    if (typeof socket === 'number') return toUv(socket);
    socket.setFlags(FDFLAG.nonblock);
    const handle =
      given === undefined
        ? this.#adopt(socket)
        : this.table.replace(id, (number) => this.#newStream(number, socket, socket));
    const result = socket.startConnect({ ip, port }, this.#services, (status) => {
      // Closed in the meantime.
      if (this.table.get(handle.id) !== handle) return;
      handle.addActivity(-1);
      this.#guest().post('connected', handle.id, toUv(status));
    });
    if (result < 0) {
      if (given === undefined) this.table.close(handle.id);
      return toUv(result);
    }
    handle.addActivity(1);
    return handle.id;
  }

  address(id: number, isPeer: boolean): string {
    const handle = this.table.get(id);
    const socket =
      handle instanceof BoundSocket && handle.listener !== undefined ? handle.listener : this.socketOf(id);
    if (socket === undefined) return String(ERRNO.ENOTCONN);
    const found = isPeer ? socket.peerAddress() : socket.localAddress();
    return typeof found === 'number' ? String(toUv(found)) : printedAddress(found);
  }

  option(id: number, option: string, value: number): number {
    const socket = this.socketOf(id);
    if (socket === undefined) return ERRNO.EBADF;
    if (option === 'tos') return typeOfService(socket, value);
    if (option === 'nodelay') return toUv(socket.setOption(IPPROTO_TCP, TCP_NODELAY, int(value)));
    if (value > 0) socket.setOption(IPPROTO_TCP, TCP_KEEPIDLE, int(value));
    return toUv(socket.setOption(SOL_SOCKET, SO_KEEPALIVE, int(value > 0 ? 1 : 0)));
  }

  /** struct linger of 0 seconds: close sends a reset (socket(7)). */
  reset(id: number): number {
    const socket = this.socketOf(id);
    return socket === undefined
      ? ERRNO.EBADF
      : toUv(socket.setOption(SOL_SOCKET, SO_LINGER, new Uint8Array(Int32Array.of(1, 0).buffer)));
  }

  lookUp(lookup: number, name: string): void {
    this.table.countAlive(1);
    startLookUp(this.#services.broker, name, [4, 6], (found) => {
      this.table.countAlive(-1);
      const error =
        typeof found === 'string' ? (found === 'try-again' ? ERRNO.EAI_AGAIN : ERRNO.EAI_NONAME) : 0;
      const list = typeof found === 'string' ? '' : found.map((ip) => canonicalIp(ip)).join(' ');
      this.#guest().post('addresses', lookup, error, list);
    });
  }

  /** What the parser finds; its views of the bytes would not outlive what is made of the texts before them. */
  #parse(parser: number, bytes: BytesInMemory): Crossing {
    const events = this.#parsers.read(parser, this.#memory.look(bytes));
    return events.map((value) =>
      value instanceof Uint8Array ? new BytesInMemory(value.byteOffset, value.length) : (value as Crossing),
    );
  }

  #adopt(socket: StreamSocket): Stream {
    return this.table.add((id) => this.#newStream(id, socket, socket));
  }

  #newStream(id: number, descriptor: Stream['descriptor'], socket: StreamSocket | undefined): Stream {
    return new Stream(id, descriptor, socket, {
      table: this.table,
      events: this.#services.events,
      memory: this.#memory,
      budget: this.#budget,
      guest: {
        data: (stream, length) => {
          const bytes = this.#memory.bytesRead(length);
          if (stream.parser === 0) this.#guest().call('data', stream.id, bytes);
          else this.#guest().call('events', stream.id, length, this.#parse(stream.parser, bytes));
        },
        readError: (stream, status) => void this.#guest().call('readError', stream, status),
        written: (stream, status) => void this.#guest().call('written', stream, status),
        shutDown: (stream, status) => void this.#guest().call('shutDown', stream, status),
      },
    });
  }
}

/** IP_TOS (ip(7)); sockets of IPv6 have it for their IPv4 peers. */
const typeOfService = (socket: StreamSocket, value: number): number => {
  if (value >= 0) return toUv(socket.setOption(IPPROTO_IP, IP_TOS, int(value)));
  const found = new Uint8Array(4);
  const result = socket.getOption(IPPROTO_IP, IP_TOS, found);
  return result < 0 ? toUv(result) : found[0]!;
};

/** `isatty` without the module around it, which brings sockets and streams. */
const terminals = engineBinding('tty_wrap') as { isTTY(fd: number): boolean };

/** What `guessHandleType` of Node says of one of the three standard streams. */
const handleType = (fd: number): string => {
  if (fd < 0 || fd > 2) return 'UNKNOWN';
  if (terminals.isTTY(fd)) return 'TTY';
  // The library writes synchronously to files; a sandbox's output is to be there when it ends, whatever it is.
  if (fd > 0) return 'FILE';
  const stats = fstatSync(fd, { throwIfNoEntry: false });
  if (stats === undefined) return 'INVALID';
  return stats.isFIFO() || stats.isSocket() ? 'PIPE' : 'FILE';
};

/** Functions that work on streams; those in the guest that need none are called before `streams` is there. */
export const streamFunctions = (bridge: Bridge, streams: () => GuestStreams): EngineFunctions => ({
  plain: plainFunctions(streams),
  raw: rawFunctions(bridge, streams),
});

const plainFunctions = (streams: () => GuestStreams): EngineFunctions['plain'] => ({
  handleRef: (id: number, isRef: boolean) => {
    const handle = streams().table.get(id);
    if (handle !== undefined) handle.isRef = isRef;
    return undefined;
  },
  handleClose: (id: number) => streams().table.close(id),
  openLocal: () => {
    const { table } = streams();
    return table.add((id) => new OpenHandle(table, id, () => {})).id;
  },
  localActivity: (id: number, change: 1 | -1) => streams().table.get(id)?.addActivity(change),
  openStandardStream: (fd: number) => streams().openStandardStream(fd),
  streamRead: (id: number, isOn: boolean) => streams().stream(id)?.read(isOn) ?? ERRNO.EBADF,
  streamConsumer: (id: number, parser: number) => {
    const stream = streams().stream(id);
    if (stream !== undefined) stream.parser = parser;
    return undefined;
  },
  streamShutdown: (id: number) => streams().stream(id)?.shutdown() ?? ERRNO.ENOTCONN,
  tcpBind: (address: string, port: number, flags: number) => streams().bind(address, port, flags),
  tcpListen: (id: number, backlog: number) => streams().listen(id, backlog),
  tcpConnect: (id: number, address: string, port: number) => streams().connect(id, address, port),
  tcpAddress: (id: number, isPeer: boolean) => streams().address(id, isPeer),
  tcpOption: (id: number, option: string, value: number) => streams().option(id, option, value),
  tcpReset: (id: number) => streams().reset(id),
  lookUp: (lookup: number, name: string) => streams().lookUp(lookup, name),
  handleType: (fd: number) => handleType(fd),
  windowSize: () => {
    return terminals.isTTY(1) ? new (tty().WriteStream)(1).getWindowSize() : DEFAULT_WINDOW;
  },
  canonicalIp: (address: string) => {
    const ip = net().isIP(address) === 0 ? undefined : numericAddress(address);
    return ip === undefined ? undefined : canonicalIp(ip);
  },
  ipv6Bytes: (address: string) => {
    const ip = numericAddress(address);
    return ip?.length === 16 ? ip : undefined;
  },
});

const rawFunctions = (bridge: Bridge, streams: () => GuestStreams): EngineFunctions['raw'] => ({
  streamWrite: (_, values, result) => {
    const { address, length } = bridge.locate(values + VALUE_SIZE);
    const id = bridge.values.read(values) as number;
    bridge.values.write(result, streams().stream(id)?.write(address, length) ?? ERRNO.EBADF);
  },
  streamWriteText: (_, values, result) => {
    const stream = streams().stream(bridge.values.read(values) as number);
    const written = bridge.withText(values + VALUE_SIZE, (address, length) => stream?.write(address, length));
    bridge.values.write(result, written ?? ERRNO.EBADF);
  },
  streamWriteLatin1: (_, values, result) => {
    const stream = streams().stream(bridge.values.read(values) as number);
    const written = bridge.withText(values + VALUE_SIZE, (address, length) => {
      const bytes = bridge.memory.bytes.subarray(address, address + length);
      if (isAscii(bytes)) return stream?.write(address, length);
      return stream?.writeBytes(Buffer.from(bytes.toString(), 'latin1'));
    });
    bridge.values.write(result, written ?? ERRNO.EBADF);
  },
});
