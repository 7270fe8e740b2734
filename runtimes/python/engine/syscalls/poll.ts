/** poll(2), on which select, selectors and asyncio of Python stand. */
import type { Descriptor } from '../../../../src/engine/descriptor.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI } from '../../../../src/engine/poll-events.ts';
import { PollSet } from '../../../../src/engine/poll-set.ts';
import type { EngineServices } from '../../../../src/engine/driver.ts';
import { MemoryPipe } from '../memory-pipe.ts';
import type { CallContext, WaitingCall } from './calls.ts';

/** struct pollfd: int fd, short events, short revents. */
const SIZE = 8;
/** select(2): what makes a descriptor readable, writable and exceptional (Linux, fs/select.c). */
const SELECTED = [
  { asked: POLLIN, told: POLLIN | POLLHUP | POLLERR },
  { asked: POLLOUT, told: POLLOUT | POLLERR },
  { asked: POLLPRI, told: POLLPRI },
] as const;

interface Entry {
  readonly fd: number;
  readonly events: number;
  /** What was found of it. */
  ready: number;
}

export const pollCalls = (
  { memory, fds, threads }: CallContext,
  { control }: EngineServices,
): Record<'__syscall_poll' | 'select', WaitingCall> => {
  const set = new PollSet(control);
  /** Looks without waiting; how many descriptors are ready. */
  const look = (entries: readonly Entry[]): number => {
    let slots = 1;
    for (const { fd, events } of entries) {
      const descriptor = fd < 0 ? undefined : fds.get(fd);
      if (descriptor === undefined || descriptor instanceof MemoryPipe) continue;
      for (const hostFd of descriptor.pollFds()) {
        set.reserve(slots + 1);
        set.set(slots, hostFd, events);
        slots += 1;
      }
    }
    if (slots > 1) set.poll(slots, 0);
    let slot = 1;
    let count = 0;
    for (const entry of entries) {
      const { fd, events } = entry;
      const descriptor = fd < 0 ? undefined : fds.get(fd);
      let found = fd >= 0 && descriptor === undefined ? POLLNVAL : 0;
      if (descriptor instanceof MemoryPipe) found = descriptor.ready & (events | ~(POLLIN | POLLOUT));
      else if (descriptor !== undefined) {
        const hostFds = descriptor.pollFds();
        // A file is always ready.
        if (hostFds.length === 0) found = events & (POLLIN | POLLOUT);
        for (let each = 0; each < hostFds.length; each += 1, slot += 1) found |= set.revents(slot);
      }
      entry.ready = found;
      if (found !== 0) count += 1;
    }
    return count;
  };
  /** Calls back as soon as it is worth looking again. */
  const watchAll = (entries: readonly Entry[], callback: () => void): (() => void) => {
    const given: (() => void)[] = [];
    const seen = new Set<Descriptor>();
    for (const { fd, events } of entries) {
      const descriptor = fd < 0 ? undefined : fds.get(fd);
      if (descriptor === undefined || events === 0 || seen.has(descriptor)) continue;
      seen.add(descriptor);
      given.push(threads.onReady(descriptor, events, callback));
    }
    return () => {
      for (const giveUp of given) giveUp();
    };
  };
  /** Waits at most so many ms, less than 0 for ever, until `tell` has something to tell. */
  const wait = (entries: readonly Entry[], ms: number, tell: () => number): number | Promise<number> => {
    if (look(entries) > 0 || ms === 0) return tell();
    const ends = {
      deadline: ms < 0 ? Infinity : performance.now() + ms,
      late: 0,
      interrupted: -WASI.EINTR,
    };
    const waited = threads.wait<number>(ends, (resume) => {
      let giveUp = (): void => {};
      const again = (): void => {
        giveUp();
        if (look(entries) > 0) resume(1);
        else giveUp = watchAll(entries, again);
      };
      giveUp = watchAll(entries, again);
      return () => giveUp();
    });
    return waited.then((result) => (result < 0 ? result : tell()));
  };
  return {
    __syscall_poll: (address: number, count: number, timeout: number) => {
      const entries = Array.from({ length: count }, (_, index): Entry => ({
        fd: memory.view.getInt32(address + SIZE * index, true),
        events: memory.view.getInt16(address + SIZE * index + 4, true),
        ready: 0,
      }));
      return wait(entries, timeout, () => {
        memory.refresh();
        for (const [index, { ready }] of entries.entries()) {
          memory.view.setInt16(address + SIZE * index + 6, ready, true);
        }
        return entries.filter(({ ready }) => ready !== 0).length;
      });
    },
    /** Redirected, see redirected-functions.ts: sets of bits, and struct timeval, whose parts have 64 bits. */
    select: (count: number, read: number, write: number, except: number, timeout: number) => {
      const sets = [read, write, except];
      const isIn = (address: number, fd: number): boolean =>
        address !== 0 && (memory.bytes[address + (fd >> 3)]! & (1 << (fd & 7))) !== 0;
      const entries: Entry[] = [];
      for (let fd = 0; fd < count; fd += 1) {
        const events = SELECTED.reduce(
          (sum, { asked }, index) => (isIn(sets[index]!, fd) ? sum | asked : sum),
          0,
        );
        if (events === 0) continue;
        if (fds.get(fd) === undefined) return -WASI.EBADF;
        entries.push({ fd, events, ready: 0 });
      }
      const ms =
        timeout === 0
          ? -1
          : Number(memory.view.getBigInt64(timeout, true)) * 1000 +
            memory.view.getInt32(timeout + 8, true) / 1000;
      return wait(entries, ms, () => {
        memory.refresh();
        let found = 0;
        for (const { fd, events, ready } of entries) {
          for (const [index, { asked, told }] of SELECTED.entries()) {
            if ((events & asked) === 0) continue;
            if ((ready & told) !== 0) found += 1;
            else memory.bytes[sets[index]! + (fd >> 3)]! &= ~(1 << (fd & 7));
          }
        }
        return found;
      });
    },
  };
};
