/** WasmEdge's socket options: its own names for the SOL_SOCKET options of Linux, values passed through. */
import { WASI, toWasi } from '../errno.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { HostFunctions } from '../guest-context.ts';
import { SOCK_DGRAM, SOL_SOCKET } from '../sockets.ts';
import { answer } from './guest-sockets.ts';
import type { GuestSockets } from './guest-sockets.ts';

/** `$sock_type` */
export const TYPE = { any: 0, datagram: 1, stream: 2 } as const;

/** asm-generic/socket.h */
const SO_TYPE = 3;
const SO_ERROR = 4;

/** What WasmEdge's option of that number is on Linux (asm-generic/socket.h); null where it is refused. */
const OPTIONS: readonly (number | null)[] = [
  2, // SO_REUSEADDR
  SO_TYPE,
  SO_ERROR,
  5, // SO_DONTROUTE
  6, // SO_BROADCAST
  7, // SO_SNDBUF
  8, // SO_RCVBUF
  9, // SO_KEEPALIVE
  10, // SO_OOBINLINE
  13, // SO_LINGER
  18, // SO_RCVLOWAT
  null, // SO_RCVTIMEO: the kernel ignores it on the engine's sockets, which never block
  null, // SO_SNDTIMEO
  30, // SO_ACCEPTCONN
  null, // SO_BINDTODEVICE: which interface to use is not the guest's choice
];
/** The only level there is: SOL_SOCKET. */
const LEVEL_SOCKET = 0;
/** Longer than any value in the table (struct linger: 8 bytes), in bytes. */
const MAX_VALUE = 64;

/** The Linux option, or a negated errno. */
const nativeOption = (level: number, name: number): number => {
  if (level !== LEVEL_SOCKET || name >= OPTIONS.length) return -WASI.EINVAL;
  return OPTIONS[name] ?? -WASI.ENOPROTOOPT;
};

export const optionFunctions = (memory: GuestMemory, sockets: GuestSockets): HostFunctions => ({
  sock_setsockopt(fd: number, level: number, name: number, valueAt: number, size: number) {
    const socket = sockets.get(fd);
    if (typeof socket === 'number') return -socket;
    const option = nativeOption(level, name);
    if (option < 0) return -option;
    const value = Buffer.from(memory.slice(valueAt, Math.min(size, MAX_VALUE)));
    return answer(socket.setOption(SOL_SOCKET, option, value));
  },
  sock_getsockopt(fd: number, level: number, name: number, valueAt: number, sizeAt: number) {
    const socket = sockets.get(fd);
    if (typeof socket === 'number') return -socket;
    const option = nativeOption(level, name);
    if (option < 0) return -option;
    const value = Buffer.alloc(Math.min(memory.view.getUint32(sizeAt, true), MAX_VALUE));
    const length = socket.getOption(SOL_SOCKET, option, value);
    if (length < 0) return -length;
    if (length === 4 && option === SO_ERROR) value.writeInt32LE(toWasiOrZero(value.readInt32LE(0)), 0);
    if (length === 4 && option === SO_TYPE) {
      value.writeInt32LE(value.readInt32LE(0) === SOCK_DGRAM ? TYPE.datagram : TYPE.stream, 0);
    }
    memory.slice(valueAt, length).set(value.subarray(0, length));
    memory.view.setUint32(sizeAt, length, true);
    return WASI.SUCCESS;
  },
});

const toWasiOrZero = (code: number): number => (code === 0 ? WASI.SUCCESS : toWasi(code));
