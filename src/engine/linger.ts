/**
 * Closing a socket while something lies unread in it resets the connection, and the client loses what was
 * sent to it last (RFC 2525 §2.17). So what still comes is read and dropped for a moment.
 */
import { errno } from '../os/libc.ts';
import { EAGAIN, EINTR } from './errno.ts';
import * as libc from './libc.ts';
import { POLLIN } from './poll-events.ts';

/** How long clients have to close their side, in ms. */
const LINGER_MS = 1000;

const dropped = Buffer.alloc(65_536);

/** Reads until every peer has closed its side, but no longer than {@link LINGER_MS}. */
export const drainUntilClosed = (hostFds: readonly number[]): void => {
  const deadline = performance.now() + LINGER_MS;
  const open = new Set(hostFds);
  while (open.size > 0) {
    const left = deadline - performance.now();
    if (left <= 0) return;
    // struct pollfd: fd, events, revents, read as pairs of 32-bit words.
    const pollfds = Int32Array.from([...open].flatMap((fd) => [fd, POLLIN]));
    const timeout = Int32Array.of(0, 0, Math.ceil(Math.min(left, 999) * 1e6), 0);
    if (libc.ppoll(pollfds, open.size, timeout, null) < 0 && errno() !== EINTR) return;
    for (const fd of open) if (isOver(fd)) open.delete(fd);
  }
};

const isOver = (fd: number): boolean => {
  for (;;) {
    const length = libc.recv(fd, Number(libc.addressOf(dropped)), dropped.length, 0);
    if (length === 0) return true;
    if (length < 0) return errno() !== EAGAIN && errno() !== EINTR;
  }
};
