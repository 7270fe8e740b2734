/**
 * `wasi_snapshot_preview1` (WASI 0.1): processes, files, and connections accepted from a listener the
 * guest finds already open. Guests that open sockets themselves use wasmedge.ts or wasix.ts.
 */
import { FDFLAG } from '../descriptor.ts';
import { WASI } from '../errno.ts';
import { PollOneoff } from '../poll-oneoff.ts';
import type { GuestContext, HostFunctions } from '../guest-context.ts';
import { Listener } from '../listeners.ts';
import { MSG_PEEK, Socket } from '../sockets.ts';
import { withoutWaiting } from './guest-sockets.ts';
import { descriptorFunctions } from './preview1-descriptors.ts';
import { pathFunctions } from './preview1-paths.ts';
import { processFunctions } from './preview1-process.ts';

export const PREVIEW1 = 'wasi_snapshot_preview1';

/**
 * preview1 `$riflags`: look without taking, wait until the buffers are full. The last is WASIX's: wasix-libc
 * imports these two calls from preview1 and says MSG_DONTWAIT so.
 */
const RIFLAG = { peek: 1, waitAll: 2, dontWait: 8 } as const;
/** WASIX `$siflags` */
const SIFLAG = { dontWait: 1 } as const;
/** preview1 `$sdflags`: 1 stops receiving, 2 stops sending; shutdown(2) counts from 0. */
const SHUTDOWN_HOW: Readonly<Record<number, number>> = { 1: 0, 2: 1, 3: 2 };

/** The four calls on connections that all three socket ABIs share. */
export const connectionFunctions = ({ memory, fds }: GuestContext): HostFunctions => {
  const socketOf = (fd: number): Socket | number => {
    const descriptor = fds.get(fd);
    if (descriptor instanceof Socket) return descriptor;
    return descriptor === undefined ? WASI.EBADF : WASI.ENOTSOCK;
  };
  return {
    sock_accept(fd: number, flags: number, resultAt: number) {
      const listener = fds.get(fd);
      if (!(listener instanceof Listener)) return listener === undefined ? WASI.EBADF : WASI.EINVAL;
      const connection = listener.accept();
      if (typeof connection === 'number') return -connection;
      connection.flags = flags & FDFLAG.nonblock;
      const number = fds.add(connection);
      if (number < 0) return -number;
      memory.view.setUint32(resultAt, number, true);
      return WASI.SUCCESS;
    },
    sock_recv(fd: number, iovecs: number, count: number, flags: number, lengthAt: number, flagsAt: number) {
      const socket = socketOf(fd);
      if (typeof socket === 'number') return socket;
      memory.readIovecs(iovecs, count);
      const receive = (): number => socket.receive(memory, (flags & RIFLAG.peek) === 0 ? 0 : MSG_PEEK);
      let length: number;
      if ((flags & RIFLAG.dontWait) !== 0) length = withoutWaiting(socket, receive);
      else
        length =
          (flags & RIFLAG.waitAll) === 0 || socket.nonBlocking ? receive() : receiveAll(socket, memory);
      if (length < 0) return -length;
      memory.view.setUint32(lengthAt, length, true);
      memory.view.setUint16(flagsAt, 0, true);
      return WASI.SUCCESS;
    },
    sock_send(fd: number, iovecs: number, count: number, flags: number, lengthAt: number) {
      const socket = socketOf(fd);
      if (typeof socket === 'number') return socket;
      memory.readIovecs(iovecs, count);
      const length =
        (flags & SIFLAG.dontWait) === 0
          ? socket.send(memory)
          : withoutWaiting(socket, () => socket.send(memory));
      if (length < 0) return -length;
      memory.view.setUint32(lengthAt, length, true);
      return WASI.SUCCESS;
    },
    sock_shutdown(fd: number, how: number) {
      const socket = socketOf(fd);
      if (typeof socket === 'number') return socket;
      const native = SHUTDOWN_HOW[how];
      if (native === undefined) return WASI.EINVAL;
      const result = socket.shutdown(native);
      return result < 0 ? -result : WASI.SUCCESS;
    },
  };
};

/** Everything a preview1 module can import. */
export const preview1Functions = (context: GuestContext): HostFunctions => {
  const poll = new PollOneoff(context.memory, context.fds, context.services.control);
  return {
    ...processFunctions(context),
    ...descriptorFunctions(context),
    ...pathFunctions(context),
    ...connectionFunctions(context),
    poll_oneoff: (subscriptions: number, events: number, count: number, resultAt: number) =>
      poll.call(subscriptions, events, count, resultAt),
  };
};

/** MSG_WAITALL has no effect on non-blocking host sockets, so the buffers are filled one after another. */
const receiveAll = (socket: Socket, memory: GuestContext['memory']): number => {
  let received = 0;
  while (memory.iovCount > 0) {
    const length = socket.receive(memory, 0);
    if (length < 0) return received > 0 ? received : length;
    if (length === 0) return received;
    received += length;
    memory.skip(length);
  }
  return received;
};
