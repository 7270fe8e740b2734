/** poll(2), on which select, selectors and asyncio of Python stand. */
import type { Descriptor } from '../../../../src/engine/descriptor.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import { POLLIN, POLLOUT } from '../../../../src/engine/poll-events.ts';
import { PollSet } from '../../../../src/engine/poll-set.ts';
import type { EngineServices } from '../../../../src/engine/driver.ts';
import { MemoryPipe } from '../memory-pipe.ts';
import type { CallContext, WaitingCall } from './calls.ts';

const POLLNVAL = 0x20;
/** struct pollfd: int fd, short events, short revents. */
const SIZE = 8;

export const pollCalls = (
  { memory, fds, threads }: CallContext,
  { control }: EngineServices,
): Record<string, WaitingCall> => {
  const set = new PollSet(control);
  const entry = (address: number) => ({
    fd: memory.view.getInt32(address, true),
    events: memory.view.getInt16(address + 4, true),
  });
  const look = (address: number, count: number): number => {
    memory.refresh();
    let slots = 1;
    for (let index = 0; index < count; index += 1) {
      const { fd, events } = entry(address + SIZE * index);
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
    let ready = 0;
    for (let index = 0; index < count; index += 1) {
      const at = address + SIZE * index;
      const { fd, events } = entry(at);
      const descriptor = fd < 0 ? undefined : fds.get(fd);
      let found = fd >= 0 && descriptor === undefined ? POLLNVAL : 0;
      if (descriptor instanceof MemoryPipe) found = descriptor.ready & (events | ~(POLLIN | POLLOUT));
      else if (descriptor !== undefined) {
        const hostFds = descriptor.pollFds();
        // A file is always ready.
        if (hostFds.length === 0) found = events & (POLLIN | POLLOUT);
        for (let each = 0; each < hostFds.length; each += 1, slot += 1) found |= set.revents(slot);
      }
      memory.view.setInt16(at + 6, found, true);
      if (found !== 0) ready += 1;
    }
    return ready;
  };
  /** Calls back as soon as it is worth looking again. */
  const watchAll = (address: number, count: number, callback: () => void): (() => void) => {
    const given: (() => void)[] = [];
    const seen = new Set<Descriptor>();
    for (let index = 0; index < count; index += 1) {
      const { fd, events } = entry(address + SIZE * index);
      const descriptor = fd < 0 ? undefined : fds.get(fd);
      if (descriptor === undefined || events === 0 || seen.has(descriptor)) continue;
      seen.add(descriptor);
      given.push(threads.onReady(descriptor, events, callback));
    }
    return () => {
      for (const giveUp of given) giveUp();
    };
  };
  return {
    __syscall_poll: (address: number, count: number, timeout: number) => {
      const ready = look(address, count);
      if (ready > 0 || timeout === 0) return ready;
      const deadline = timeout < 0 ? Infinity : performance.now() + timeout;
      const ends = { deadline, late: 0, interrupted: -WASI.EINTR };
      return threads.wait<number>(ends, (resume) => {
        let giveUp = (): void => {};
        const again = (): void => {
          giveUp();
          const found = look(address, count);
          if (found > 0) resume(found);
          else giveUp = watchAll(address, count, again);
        };
        giveUp = watchAll(address, count, again);
        return () => giveUp();
      });
    },
  };
};
