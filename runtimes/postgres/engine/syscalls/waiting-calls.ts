/** What a backend waits for: its client, its latch, and time. Whatever it waits for, signals end it. */
import type { BackendClient } from '../backend-client.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import { POLLIN, POLLOUT } from '../../../../src/engine/poll-events.ts';
import type { BackendState } from './backend-calls.ts';

export type WaitingCall = (...values: never[]) => number | Promise<number>;

/** Waits at most `ms`, until `arm` calls what it is given, which it can be told to give up; what it resolves with is that. */
const wait = async (
  { stacks, interruption }: BackendState,
  ms: number,
  arm: (resume: (value: number) => void) => () => void,
): Promise<number> => {
  const value = await stacks.suspend<number>((resume) => {
    const end = (value: number): void => {
      interruption.onInterrupt(undefined);
      timer?.[Symbol.dispose]();
      giveUp();
      resume(value);
    };
    const timer = ms < 0 ? undefined : stacks.after(ms, () => end(0));
    const giveUp = arm(end);
    interruption.onInterrupt(() => end(-WASI.EINTR));
  });
  interruption.endIfKilled();
  return value;
};

/** src/include/storage/waiteventset.h */
const WL_LATCH_SET = 1;
const WL_SOCKET_READABLE = 2;
const WL_SOCKET_WRITEABLE = 4;
const WL_SOCKET_CLOSED = 128;
/** `struct WaitEventSet` of waiteventset.c, and `WaitEvent`: pos, events, fd, user_data. */
const SET = { count: 4, events: 12, latch: 16, latchPosition: 20 } as const;
const EVENT_SIZE = 16;
const NO_SOCKET = -1;
/** `Latch` of src/include/storage/latch.h */
const MAYBE_SLEEPING = 4;

/**
 * WaitEventSetWait() of PostgreSQL (rewrite/host-process.ts): waits for its latch, its client, and time; no set at all is
 * time alone.
 */
export const waitingCalls = (
  state: BackendState,
  client: () => BackendClient,
): Record<string, WaitingCall> => {
  const { memory } = state;
  /** Tells of the event at `index`; 1, as many as it tells of. */
  const tell = (set: number, index: number, happened: number, result: number): number => {
    memory.refresh();
    const event = memory.view.getUint32(set + SET.events, true) + EVENT_SIZE * index;
    const userData = memory.view.getUint32(event + 12, true);
    const fd = happened === WL_LATCH_SET ? NO_SOCKET : memory.view.getInt32(event + 8, true);
    for (const [at, value] of [index, happened, fd, userData].entries()) {
      memory.view.setInt32(result + 4 * at, value, true);
    }
    return 1;
  };
  /** The event of the set that is about these of the client's, and which of them. */
  const clientEvent = (set: number, about: number): { index: number; wanted: number } | undefined => {
    const first = memory.view.getUint32(set + SET.events, true);
    for (let index = 0; index < memory.view.getInt32(set + SET.count, true); index += 1) {
      const wanted = memory.view.getInt32(first + EVENT_SIZE * index + 4, true) & about;
      if (wanted !== 0) return { index, wanted };
    }
    return undefined;
  };
  const sleep = (set: number, ms: number, result: number): Promise<number> => {
    const event = set === 0 ? undefined : clientEvent(set, WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE);
    return wait(state, ms, (resume) => {
      if (event === undefined) return () => {};
      const { index, wanted } = event;
      const wantedOfHost =
        ((wanted & WL_SOCKET_READABLE) === 0 ? 0 : POLLIN) |
        ((wanted & WL_SOCKET_WRITEABLE) === 0 ? 0 : POLLOUT);
      const watch = client().watch(wantedOfHost, (ready) => {
        const readable = (ready & ~POLLOUT) === 0 ? 0 : WL_SOCKET_READABLE;
        const writable = (ready & ~POLLIN) === 0 ? 0 : WL_SOCKET_WRITEABLE;
        resume(tell(set, index, (readable | writable) & wanted, result));
      });
      return () => watch[Symbol.dispose]();
    });
  };
  const waitForSet = (set: number, timeout: number, result: number): number | Promise<number> => {
    const deadline = timeout < 0 ? Infinity : performance.now() + timeout;
    const latch = set === 0 ? 0 : memory.view.getUint32(set + SET.latch, true);
    const look = (): number => {
      memory.refresh();
      if (latch !== 0 && memory.view.getInt32(latch, true) !== 0) {
        return tell(set, memory.view.getInt32(set + SET.latchPosition, true), WL_LATCH_SET, result);
      }
      // Asked only by who does not wait (pqcomm.c, pq_check_connection()).
      const closed = set === 0 ? undefined : clientEvent(set, WL_SOCKET_CLOSED);
      return closed !== undefined && client().isGone()
        ? tell(set, closed.index, WL_SOCKET_CLOSED, result)
        : 0;
    };
    const again = async (): Promise<number> => {
      if (latch !== 0) memory.view.setInt32(latch + MAYBE_SLEEPING, 1, true);
      const left = deadline === Infinity ? -1 : Math.max(0, deadline - performance.now());
      const found = await sleep(set, left, result);
      memory.refresh();
      if (latch !== 0) memory.view.setInt32(latch + MAYBE_SLEEPING, 0, true);
      if (found > 0) return found;
      const seen = look();
      return seen > 0 || performance.now() >= deadline ? seen : again();
    };
    const seen = look();
    return seen > 0 || timeout === 0 ? seen : again();
  };
  return {
    __syscall_fchownat: (set: number, timeout: number, result: number) => {
      // No events and no time: another is let go on (rewrite/preemption.ts).
      if (set === 0 && timeout === 0) return state.preemption.ask();
      state.interruption.take();
      return waitForSet(set, timeout, result);
    },
  };
};

/** The client of a backend, as it reads and writes: numbers of bytes, 0 at the end, or -1 and errno. */
export const clientCalls = (
  state: BackendState,
  client: () => BackendClient,
): { readonly read: WaitingCall; readonly write: WaitingCall } => {
  const { memory } = state;
  const transfer =
    (event: number, action: (client: BackendClient) => number) =>
    (address: number, length: number): number | Promise<number> => {
      const attempt = (): number => {
        memory.refresh();
        memory.loadBuffer(address, length);
        return action(client());
      };
      const tell = (result: number): number => {
        if (result >= 0) return result;
        memory.view.setInt32(state.exports().__errno_location(), -result, true);
        return -1;
      };
      const again = async (): Promise<number> => {
        const interrupted = await wait(state, -1, (resume) => {
          const watch = client().watch(event, () => resume(0));
          return () => watch[Symbol.dispose]();
        });
        const result = interrupted < 0 ? interrupted : attempt();
        return result === -WASI.EAGAIN ? again() : tell(result);
      };
      if (event === POLLIN && state.interruption.take()) return tell(-WASI.EINTR);
      const result = event === POLLIN && client().isListening ? -WASI.EAGAIN : attempt();
      return result === -WASI.EAGAIN ? again() : tell(result);
    };
  return {
    read: transfer(POLLIN, (client) => {
      const length = client.receive(memory);
      if (length > 0) state.preemption.begin();
      return length;
    }),
    write: transfer(POLLOUT, (client) => client.send(memory)),
  };
};
