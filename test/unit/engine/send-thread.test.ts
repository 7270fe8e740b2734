/** The send thread, on real sockets. */
import { closeSync, readSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WASI } from '../../../src/engine/errno.ts';
import { EventPoll } from '../../../src/engine/event-poll.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { LANES, LANE_SIZE } from '../../../src/engine/send-thread/layout.ts';
import type { SendLane } from '../../../src/engine/send-thread/send-lanes.ts';
import { SendThread } from '../../../src/engine/send-thread/send-thread.ts';
import { packetSocketPair, streamSocketPair } from '../../../src/os/descriptor-passing.ts';

const PATIENCE_MS = 10_000;

let thread: SendThread;
let control: [number, number];
let events: EventPoll;
beforeAll(() => {
  thread = new SendThread();
  thread.awaitReady();
  control = packetSocketPair();
  events = new EventPoll({ fd: control[0], onReadable: () => expect.unreachable() });
  thread.lanes.watchBy(events);
});
afterAll(() => {
  for (const fd of control) closeSync(fd);
  return thread.end();
});

interface Connection {
  readonly lane: SendLane;
  readonly here: number;
  readonly there: number;
}
let connections: Connection[];
/** Descriptors that are closed, or that the thread closes. */
let gone: Set<number>;
const connect = (): Connection => {
  const [here, there] = streamSocketPair();
  const connection = { lane: thread.lanes.open(here)!, here, there };
  connections.push(connection);
  return connection;
};
/** As the engine does. */
const close = ({ lane, here }: Connection): boolean => {
  gone.add(here);
  const isLeft = lane.close();
  if (!isLeft) closeSync(here);
  return isLeft;
};
beforeEach(() => {
  connections = [];
  gone = new Set();
});
afterEach(() => {
  for (const connection of connections) {
    if (!gone.has(connection.here)) close(connection);
    if (!gone.has(connection.there)) closeSync(connection.there);
  }
});

const memory = new GuestMemory();
memory.attach(new Uint8Array(4 * LANE_SIZE));
/** What is taken of it, or a negated errno; in two buffers where it is cut. */
const send = (lane: SendLane, bytes: Uint8Array, cut = bytes.length): number => {
  memory.bytes.set(bytes.subarray(0, cut), 8);
  memory.bytes.set(bytes.subarray(cut), 16 + cut);
  memory.loadBuffer(8, cut);
  if (cut < bytes.length) {
    memory.iovPointers[1] = 16 + cut;
    memory.iovLengths[1] = bytes.length - cut;
    memory.iovCount = 2;
    memory.iovTotal = bytes.length;
  }
  return lane.send(memory);
};

/** What has come; undefined at the end. */
const receive = (fd: number): Buffer | undefined => {
  const chunk = Buffer.alloc(2 * LANE_SIZE);
  try {
    const length = readSync(fd, chunk);
    return length === 0 ? undefined : chunk.subarray(0, length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return Buffer.alloc(0);
    throw error;
  }
};
const receiveAll = async (fd: number, length: number): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    if (parts.reduce((sum, part) => sum + part.length, 0) >= length) break;
    const part = receive(fd);
    if (part === undefined) break;
    parts.push(part);
    if (part.length === 0) await sleep(1);
  }
  return Buffer.concat(parts);
};
/** Sends until nothing more is taken: how much was. */
const fill = async (lane: SendLane): Promise<number> => {
  let total = 0;
  // What the kernel takes makes room again.
  for (let quiet = 0; quiet < 20;) {
    const taken = send(lane, Buffer.alloc(LANE_SIZE, 'x'));
    if (taken > 0) total += taken;
    else expect(taken).toBe(-WASI.EAGAIN);
    quiet = taken > 0 ? 0 : quiet + 1;
    await sleep(1);
  }
  return total;
};

describe('what is sent by the thread', () => {
  test('arrives as it was, in order, whatever its sizes', async () => {
    const chunks = fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 20_000 }), fc.nat()), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(chunks, { minLength: 1, maxLength: 3 }), async (sendings) => {
        const sent = sendings.map((sending) => ({ sending, ...connect() }));
        const arrived = sent.map(async ({ sending, there }) => {
          const all = Buffer.concat(sending.map(([bytes]) => bytes));
          expect((await receiveAll(there, all.length)).equals(all)).toBe(true);
        });
        for (const { sending, lane } of sent) {
          for (const [bytes, cut] of sending) {
            let rest = bytes;
            while (rest.length > 0) {
              const taken = send(lane, rest, cut % (rest.length + 1));
              if (taken < 0) await sleep(1);
              else rest = rest.subarray(taken);
            }
          }
        }
        await Promise.all(arrived);
        for (const each of sent) close(each);
      }),
      { numRuns: 30 },
    );
  });

  test('waits for who is slow, and others do not wait with it', async () => {
    const slow = connect();
    const other = connect();
    const total = await fill(slow.lane);
    expect(total).toBeGreaterThan(LANE_SIZE);

    expect(send(other.lane, Buffer.from('hello'))).toBe(5);
    expect((await receiveAll(other.there, 5)).toString()).toBe('hello');

    let told = 0;
    slow.lane.onRoom(() => (told += 1));
    events.wait(0);
    expect(told).toBe(0);
    expect(await receiveAll(slow.there, total)).toHaveLength(total);
    events.wait(PATIENCE_MS);
    expect(told).toBe(1);
    expect(send(slow.lane, Buffer.from('again'))).toBe(5);
    expect((await receiveAll(slow.there, 5)).toString()).toBe('again');
  });

  test('is told of room that is there already, and of none when nobody waits any more', () => {
    const { lane } = connect();
    let told = 0;
    lane.onRoom(() => (told += 1));
    expect(told).toBe(0);
    events.wait(PATIENCE_MS);
    expect(told).toBe(1);
    lane.onRoom(() => (told += 1))[Symbol.dispose]();
    events.wait(10);
    expect(told).toBe(1);
  });

  test('has a client that is gone told by the next send', async () => {
    const connection = connect();
    await fill(connection.lane);
    let told = 0;
    connection.lane.onRoom(() => (told += 1));
    gone.add(connection.there);
    closeSync(connection.there);
    events.wait(PATIENCE_MS);
    expect(told).toBe(1);
    const error = send(connection.lane, Buffer.from('?'));
    expect([-WASI.EPIPE, -WASI.ECONNRESET]).toContain(error);
    expect(close(connection)).toBe(false);
  });

  test('arrives when the connection is closed right after it', async () => {
    const connection = connect();
    const total = await fill(connection.lane);
    expect(close(connection)).toBe(true);
    expect(await receiveAll(connection.there, total)).toHaveLength(total);
    for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
      if (receive(connection.there) === undefined) break;
      await sleep(1);
    }
    expect(receive(connection.there)).toBeUndefined();
  });

  test('is flushed at the end, but for what nobody takes', async () => {
    const slow = connect();
    await fill(slow.lane);
    const quick = connect();
    send(quick.lane, Buffer.from('last words'));
    thread.lanes.flush();
    expect(receive(quick.there)?.toString()).toBe('last words');
  });
});

test('whatever the thread is about to do, a flush returns when all is sent', () => {
  const { lane, there } = connect();
  for (let round = 0; round < 20_000; round += 1) {
    send(lane, Buffer.from('first '));
    // The second comes at every moment of the thread's way back to sleep.
    for (const end = performance.now() + (round % 400) / 10_000; performance.now() < end;);
    const text = String(round);
    send(lane, Buffer.from(text));
    thread.lanes.flush();
    expect(receive(there)?.toString()).toBe(`first ${text}`);
  }
});

test('there are lanes for so many sockets at once, and again when those are closed', async () => {
  for (let round = 0; round < 2; round += 1) {
    const all = Array.from({ length: LANES }, connect);
    expect(all.every(({ lane }) => lane !== undefined)).toBe(true);
    const [here, there] = streamSocketPair();
    expect(thread.lanes.open(here)).toBeUndefined();
    writeSync(there, 'x');
    closeSync(here);
    closeSync(there);
    for (const [index, { lane }] of all.entries()) send(lane, Buffer.from(String(index)));
    for (const [index, connection] of all.entries()) {
      expect((await receiveAll(connection.there, String(index).length)).toString()).toBe(String(index));
      close(connection);
    }
  }
});
