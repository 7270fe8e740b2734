/** The loop of reactors, on real descriptors. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Descriptor, FILETYPE } from '../../../src/engine/descriptor.ts';
import { EventPoll } from '../../../src/engine/event-poll.ts';
import type { Watch } from '../../../src/engine/event-poll.ts';
import { NEVER_READY, POLLHUP, POLLIN, POLLOUT } from '../../../src/engine/poll-events.ts';
import { packetSocketPair } from '../../../src/os/descriptor-passing.ts';

/** A descriptor whose host descriptors a test decides. */
class Sources extends Descriptor {
  override readonly filetype = FILETYPE.socketStream;
  fds: readonly number[];

  constructor(fds: readonly number[]) {
    super();
    this.fds = fds;
  }

  override pollFds(): readonly number[] {
    return this.fds;
  }

  set(fds: readonly number[]): void {
    this.fds = fds;
    this.watcher?.changed();
  }

  protected override closeHost(): number {
    return 0;
  }
}

let pairs: [number, number][] = [];
let control: [number, number] = [-1, -1];
let orders = 0;
let events: EventPoll;
const open = (): [number, number] => {
  const pair = packetSocketPair();
  pairs.push(pair);
  return pair;
};
/** Makes the other end of a pair readable. */
const say = (fd: number): void => void writeSync(fd, 'x');
const hear = (fd: number): void => void readSync(fd, Buffer.alloc(1));

beforeEach(() => {
  pairs = [];
  orders = 0;
  control = open();
  events = new EventPoll({
    fd: control[0],
    onReadable() {
      hear(control[0]);
      orders += 1;
    },
  });
});
afterEach(() => {
  for (const fd of pairs.flat()) closeSync(fd);
});

describe('a wait', () => {
  test('tells what is ready, again and again until it is taken', () => {
    const [here, there] = open();
    const told: number[] = [];
    events.watch(here, POLLIN | POLLOUT, (each) => told.push(each));
    events.wait(Infinity);
    say(there);
    events.wait(Infinity);
    events.wait(Infinity);
    hear(here);
    events.wait(Infinity);
    expect(told).toEqual([POLLOUT, POLLIN | POLLOUT, POLLIN | POLLOUT, POLLOUT]);
  });

  test('ends when its time is over, and for an order', () => {
    const [here] = open();
    events.watch(here, POLLIN, () => expect.unreachable());
    const begin = performance.now();
    events.wait(20);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(19);
    say(control[1]);
    events.wait(Infinity);
    expect(orders).toBe(1);
  });

  test('tells an end whatever is waited for, but not where nothing is', () => {
    const [here, there] = open();
    const told: number[] = [];
    const watch = events.watch(here, POLLOUT, (each) => told.push(each));
    closeSync(there);
    pairs = pairs.map((pair) => (pair[0] === here ? [here, openSync('/dev/null', 'r')] : pair));
    events.wait(Infinity);
    expect(told).toEqual([POLLOUT | POLLHUP]);
    watch.change(0);
    events.wait(10);
    expect(told).toHaveLength(1);
  });

  test('does not end a batch with what a callback throws', () => {
    const told: string[] = [];
    for (const name of ['one', 'two']) {
      const [here, there] = open();
      say(there);
      events.watch(here, POLLIN, () => {
        told.push(name);
        hear(here);
        throw new Error(name);
      });
    }
    expect(() => events.wait(Infinity)).toThrow('one');
    expect(() => events.wait(Infinity)).toThrow('two');
    events.wait(0);
    expect(told).toEqual(['one', 'two']);
  });

  test('is no callback’s to call', () => {
    const [here, there] = open();
    say(there);
    events.watch(here, POLLIN, () => events.wait(0));
    expect(() => events.wait(Infinity)).toThrow('by one of its own callbacks');
  });

  test('finds files always ready, which epoll does not take', () => {
    const fd = openSync(import.meta.filename, 'r');
    let told = 0;
    const watch = events.watch(fd, POLLIN, (each) => {
      expect(each).toBe(POLLIN);
      told += 1;
    });
    events.wait(Infinity);
    events.wait(Infinity);
    expect(told).toBe(2);
    watch.change(0);
    events.wait(0);
    watch.change(POLLOUT | POLLIN);
    watch[Symbol.dispose]();
    events.wait(0);
    expect(told).toBe(2);
    closeSync(fd);
  });
});

describe('a descriptor', () => {
  test('is followed by its watch when it stands for others', () => {
    const [first, second, third] = [open(), open(), open()];
    for (const [, there] of [first, second, third]) say(there);
    const descriptor = new Sources([first[0]]);
    let told = 0;
    const watch = events.watch(descriptor, POLLIN, () => (told += 1));
    const tell = (): number => {
      told = 0;
      events.wait(0);
      return told;
    };
    expect(tell()).toBe(1);
    descriptor.set([first[0], second[0], third[0]]);
    expect(tell()).toBe(3);
    descriptor.set([third[0]]);
    expect(tell()).toBe(1);
    descriptor.set([NEVER_READY]);
    expect(tell()).toBe(0);
    // Of those that are always ready.
    descriptor.set([]);
    expect(tell()).toBe(1);
    descriptor.set([first[0]]);
    watch.change(0);
    descriptor.close();
    // Its number may be somebody else's by now.
    watch.change(POLLIN);
    expect(tell()).toBe(0);
  });

  test('is watched once at a time', () => {
    const descriptor = new Sources([open()[0]]);
    const watch = events.watch(descriptor, POLLIN, () => {});
    expect(() => events.watch(descriptor, POLLIN, () => {})).toThrow('watched already');
    watch[Symbol.dispose]();
    events.watch(descriptor, POLLIN, () => {});
  });

  test('that gets a number in the middle of a batch does not hear of who had it before', () => {
    const told: string[] = [];
    const [one, two] = [open(), open()];
    const again = new Map<number, Watch>();
    for (const [here, there] of [one, two]) {
      say(there);
      const watch = events.watch(here, POLLIN, () => {
        told.push('first');
        // The other one makes room for a newcomer that has nothing to say.
        const other = here === one[0] ? two : one;
        again.get(other[0])![Symbol.dispose]();
        hear(other[0]);
        events.watch(other[0], POLLIN, () => told.push('newcomer'));
        hear(here);
      });
      again.set(here, watch);
    }
    events.wait(Infinity);
    events.wait(0);
    expect(told).toEqual(['first']);
  });
});

/** What is done to one of a few pairs. */
const step = fc.record({
  pair: fc.nat(5),
  action: fc.constantFrom('say', 'hear', 'watch', 'unwatch', 'pause', 'resume'),
});

test('whatever is done, those are told that are watched and have something', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const own = Array.from({ length: 6 }, packetSocketPair);
      const told = new Set<number>();
      const watches = new Map<number, Watch>();
      const unheard = own.map(() => 0);
      const paused = new Set<number>();
      for (const { pair, action } of steps) {
        const [here, there] = own[pair]!;
        const watch = watches.get(pair);
        if (action === 'say') {
          say(there);
          unheard[pair]! += 1;
        } else if (action === 'hear' && unheard[pair]! > 0) {
          hear(here);
          unheard[pair]! -= 1;
        } else if (action === 'watch' && watch === undefined) {
          watches.set(
            pair,
            events.watch(here, POLLIN, () => told.add(pair)),
          );
        } else if (action === 'unwatch') {
          watch?.[Symbol.dispose]();
          watches.delete(pair);
          paused.delete(pair);
        } else if (action === 'pause' && watch !== undefined) {
          watch.change(0);
          paused.add(pair);
        } else if (action === 'resume') {
          watch?.change(POLLIN);
          paused.delete(pair);
        }
        told.clear();
        events.wait(0);
        const expected = [...watches.keys()].filter((each) => unheard[each]! > 0 && !paused.has(each));
        expect(told).toEqual(new Set(expected));
      }
      for (const watch of watches.values()) watch[Symbol.dispose]();
      for (const fd of own.flat()) closeSync(fd);
    }),
  );
});
