/** WASIX's socket options, by kind of value (flag, size, time), and its socket status. */
import { WASI } from '../errno.ts';
import type { HostFunctions } from '../guest-context.ts';
import type { GuestMemory } from '../guest-memory.ts';
import { Listener } from '../listeners.ts';
import { SOL_SOCKET, StreamSocket } from '../sockets.ts';
import type { Socket } from '../sockets.ts';
import { answer } from './guest-sockets.ts';
import type { GuestSockets } from './guest-sockets.ts';

/** linux/in.h, linux/in6.h: option levels. */
const IPPROTO_IP = 0;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;

/** Level and name of an option on Linux. */
type NativeOption = readonly [level: number, name: number];

/** `$sock_option` numbers that are flags (asm-generic/socket.h, linux/tcp.h, linux/in.h, linux/in6.h). */
const FLAGS: Readonly<Record<number, NativeOption>> = {
  1: [SOL_SOCKET, 15], // reuse_port: SO_REUSEPORT
  2: [SOL_SOCKET, 2], // reuse_addr: SO_REUSEADDR
  3: [IPPROTO_TCP, 1], // no_delay: TCP_NODELAY
  4: [SOL_SOCKET, 5], // dont_route: SO_DONTROUTE
  5: [IPPROTO_IPV6, 26], // only_v6: IPV6_V6ONLY
  6: [SOL_SOCKET, 6], // broadcast: SO_BROADCAST
  7: [IPPROTO_IP, 34], // multicast_loop_v4: IP_MULTICAST_LOOP
  8: [IPPROTO_IPV6, 19], // multicast_loop_v6: IPV6_MULTICAST_LOOP
  10: [SOL_SOCKET, 30], // listening: SO_ACCEPTCONN
  12: [SOL_SOCKET, 9], // keep_alive: SO_KEEPALIVE
  14: [SOL_SOCKET, 10], // oob_inline: SO_OOBINLINE
};
/** `$sock_option` numbers that are sizes. */
const SIZES: Readonly<Record<number, NativeOption>> = {
  15: [SOL_SOCKET, 8], // recv_buf_size: SO_RCVBUF
  16: [SOL_SOCKET, 7], // send_buf_size: SO_SNDBUF
  17: [SOL_SOCKET, 18], // recv_lowat: SO_RCVLOWAT
  23: [IPPROTO_IP, 2], // ttl: IP_TTL
  24: [IPPROTO_IP, 33], // multicast_ttl_v4: IP_MULTICAST_TTL
  26: [SOL_SOCKET, 38], // proto: SO_PROTOCOL
};
/** `$sock_option` linger: SO_LINGER, the only time that means something to sockets that never block. */
const LINGER = 13;
const SO_LINGER = 13;
/** sizeof(struct linger): l_onoff, l_linger, int each. */
const LINGER_SIZE = 8;
const NANOSECONDS = 1_000_000_000n;
const MAX_INT = 0x7fff_ffff;
/** `$option_timestamp`: tag (u8), nanoseconds (u64) at 8. */
const OPTION = { none: 0, some: 1, value: 8 } as const;
/** `$sock_status` */
const STATUS = { opening: 0, opened: 1, failed: 3 } as const;

export const optionFunctions = (memory: GuestMemory, sockets: GuestSockets): HostFunctions => {
  /** Runs `action` with the socket and the Linux name of an option; results as in guest-sockets.ts. */
  const withOption = (
    fd: number,
    option: NativeOption | undefined,
    action: (socket: Socket, level: number, name: number) => number,
  ): number => {
    const socket = sockets.get(fd);
    if (typeof socket === 'number') return -socket;
    return option === undefined ? WASI.ENOPROTOOPT : answer(action(socket, ...option));
  };
  return {
    sock_set_opt_flag: (fd: number, option: number, on: number) =>
      on > 1
        ? WASI.EINVAL
        : withOption(fd, FLAGS[option], (socket, level, name) => setInteger(socket, level, name, on)),
    sock_get_opt_flag: (fd: number, option: number, resultAt: number) =>
      withOption(fd, FLAGS[option], (socket, level, name) => {
        const value = getInteger(socket, level, name);
        if (value >= 0) memory.view.setUint8(resultAt, value === 0 ? 0 : 1);
        return value;
      }),
    sock_set_opt_size: (fd: number, option: number, size: bigint) =>
      size < 0n || size > BigInt(MAX_INT)
        ? WASI.EINVAL
        : withOption(fd, SIZES[option], (socket, level, name) =>
            setInteger(socket, level, name, Number(size)),
          ),
    sock_get_opt_size: (fd: number, option: number, resultAt: number) =>
      withOption(fd, SIZES[option], (socket, level, name) => {
        const value = getInteger(socket, level, name);
        if (value >= 0) memory.view.setBigUint64(resultAt, BigInt(value), true);
        return value;
      }),
    ...timeFunctions(memory, withOption),
    sock_status(fd: number, resultAt: number) {
      const socket = sockets.get(fd);
      if (typeof socket === 'number') return -socket;
      memory.view.setUint8(resultAt, statusOf(socket));
      return WASI.SUCCESS;
    },
  };
};

type WithOption = (
  fd: number,
  option: NativeOption | undefined,
  action: (socket: Socket, level: number, name: number) => number,
) => number;

const nativeTime = (option: number): NativeOption | undefined =>
  option === LINGER ? [SOL_SOCKET, SO_LINGER] : undefined;

/** Time limits of receiving and sending are refused: the kernel would ignore them on non-blocking sockets. */
const timeFunctions = (memory: GuestMemory, withOption: WithOption): HostFunctions => {
  return {
    sock_set_opt_time: (fd: number, option: number, timeAt: number) =>
      withOption(fd, nativeTime(option), (socket, level, name) => {
        const isOn = memory.view.getUint8(timeAt) === OPTION.some;
        const seconds = memory.view.getBigUint64(timeAt + OPTION.value, true) / NANOSECONDS;
        if (isOn && seconds > BigInt(MAX_INT)) return -WASI.EINVAL;
        const linger = Buffer.alloc(LINGER_SIZE);
        linger.writeInt32LE(isOn ? 1 : 0, 0);
        linger.writeInt32LE(isOn ? Number(seconds) : 0, 4);
        return socket.setOption(level, name, linger);
      }),
    sock_get_opt_time: (fd: number, option: number, resultAt: number) =>
      withOption(fd, nativeTime(option), (socket, level, name) => {
        const linger = Buffer.alloc(LINGER_SIZE);
        const result = socket.getOption(level, name, linger);
        if (result < 0) return result;
        const isOn = linger.readInt32LE(0) !== 0;
        memory.view.setUint8(resultAt, isOn ? OPTION.some : OPTION.none);
        const nanoseconds = isOn ? BigInt(linger.readInt32LE(4)) * NANOSECONDS : 0n;
        memory.view.setBigUint64(resultAt + OPTION.value, nanoseconds, true);
        return result;
      }),
  };
};

const setInteger = (socket: Socket, level: number, name: number, value: number): number => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value, 0);
  return socket.setOption(level, name, bytes);
};

const getInteger = (socket: Socket, level: number, name: number): number => {
  const bytes = Buffer.alloc(4);
  const result = socket.getOption(level, name, bytes);
  return result < 0 ? result : bytes.readInt32LE(0);
};

const statusOf = (socket: Socket): number => {
  if (socket instanceof Listener || !(socket instanceof StreamSocket)) return STATUS.opened;
  if (socket.pendingError() < 0) return STATUS.failed;
  return typeof socket.peerAddress() === 'number' ? STATUS.opening : STATUS.opened;
};
