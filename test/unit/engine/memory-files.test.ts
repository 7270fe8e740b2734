/**
 * The in-memory file system against the kernel's: the same random operations on both must give the same
 * results, because a guest must not be able to tell where its files are.
 */
import { mkdtempSync, openSync, rmSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Control } from '../../../src/engine/control.ts';
import { FDFLAG, FILETYPE } from '../../../src/engine/descriptor.ts';
import type { Descriptor } from '../../../src/engine/descriptor.ts';
import { WASI } from '../../../src/engine/errno.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { HostDirectory } from '../../../src/engine/host-directory.ts';
import { MemoryDirectory } from '../../../src/engine/memory-files.ts';
import { MemoryStore, readMemoryFileSystem } from '../../../src/engine/memory-store.ts';
import { Poller } from '../../../src/engine/poll.ts';

const make = readMemoryFileSystem();
/** Regular files never wait: this one is only asked whether a failed call is worth repeating. */
const POLLER = new Poller(new Control());
const BUFFER_AT = 1024;
const IOVEC_AT = 16;

/** A guest's memory with one buffer that can be loaded as iovec. */
class Buffers {
  readonly memory = new GuestMemory();
  constructor() {
    this.memory.attach(new WebAssembly.Memory({ initial: 4 }));
  }
  load(length: number, fill?: Uint8Array): GuestMemory {
    this.memory.view.setUint32(IOVEC_AT, BUFFER_AT, true);
    this.memory.view.setUint32(IOVEC_AT + 4, length, true);
    if (fill !== undefined) this.memory.bytes.set(fill, BUFFER_AT);
    this.memory.readIovecs(IOVEC_AT, 1);
    return this.memory;
  }
  text(length: number): string {
    return Buffer.from(this.memory.slice(BUFFER_AT, length)).toString('latin1');
  }
}

const names = fc.constantFrom(
  'a',
  'b',
  'd',
  'd/a',
  'd/b',
  'd/e',
  'd/e/f',
  './a',
  'd/../a',
  '..',
  '../x',
  'd/',
  'missing/x',
  '',
);
const slots = fc.nat(3);
const operation = fc.oneof(
  fc.record({
    do: fc.constant('open' as const),
    slot: slots,
    name: names,
    create: fc.boolean(),
    exclusive: fc.boolean(),
    truncate: fc.boolean(),
    append: fc.boolean(),
    mode: fc.constantFrom('r', 'w', 'rw'),
  }),
  fc.record({ do: fc.constant('close' as const), slot: slots }),
  fc.record({ do: fc.constant('read' as const), slot: slots, length: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    do: fc.constant('write' as const),
    slot: slots,
    text: fc.string({ minLength: 1, maxLength: 30 }),
  }),
  fc.record({
    do: fc.constant('pread' as const),
    slot: slots,
    length: fc.integer({ min: 1, max: 40 }),
    at: fc.nat(60),
  }),
  fc.record({
    do: fc.constant('pwrite' as const),
    slot: slots,
    text: fc.string({ minLength: 1, maxLength: 30 }),
    at: fc.nat(60),
  }),
  fc.record({
    do: fc.constant('seek' as const),
    slot: slots,
    by: fc.integer({ min: -20, max: 80 }),
    whence: fc.nat(3),
  }),
  fc.record({ do: fc.constant('size' as const), slot: slots, size: fc.nat(50) }),
  fc.record({ do: fc.constant('stat' as const), slot: slots }),
  fc.record({ do: fc.constant('statAt' as const), name: names }),
  fc.record({ do: fc.constant('mkdir' as const), name: names }),
  fc.record({ do: fc.constant('rmdir' as const), name: names }),
  fc.record({ do: fc.constant('unlink' as const), name: names }),
  fc.record({ do: fc.constant('rename' as const), name: names, to: names }),
  fc.record({ do: fc.constant('list' as const), name: fc.constantFrom('.', 'd', 'd/e') }),
);
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

/** One file system under test with its open descriptors. */
class Subject {
  readonly #root: Descriptor;
  readonly #open: (Descriptor | undefined)[] = [];
  readonly #buffers = new Buffers();
  constructor(root: Descriptor) {
    this.#root = root;
  }

  /** Result as plain data; what legitimately differs (inodes, times, directory sizes) is left out. */
  run(step: Operation): unknown {
    if (step.do === 'open') return this.#openFile(step);
    if ('slot' in step) {
      const descriptor = this.#open[step.slot];
      return descriptor === undefined ? 'closed' : this.#onDescriptor(descriptor, step);
    }
    return this.#onPath(step);
  }

  close(): void {
    for (const descriptor of this.#open) descriptor?.close();
    this.#root.close();
  }

  #openFile(step: Extract<Operation, { do: 'open' }>): unknown {
    this.#open[step.slot]?.close();
    this.#open[step.slot] = undefined;
    const opened = this.#root.open({
      path: Buffer.from(step.name),
      followSymlinks: true,
      create: step.create,
      directory: false,
      exclusive: step.exclusive,
      truncate: step.truncate && step.mode !== 'r',
      read: step.mode !== 'w',
      write: step.mode !== 'r',
      flags: step.append ? FDFLAG.append : 0,
    });
    if (typeof opened === 'number') return opened;
    this.#open[step.slot] = opened;
    return 'opened';
  }

  #onDescriptor(descriptor: Descriptor, step: Extract<Operation, { slot: number }>): unknown {
    const buffers = this.#buffers;
    const shown = (length: number): unknown => (length < 0 ? length : buffers.text(length));
    switch (step.do) {
      case 'close':
        this.#open[step.slot] = undefined;
        return descriptor.close();
      case 'read':
        return shown(descriptor.read(buffers.load(step.length)));
      case 'pread':
        // On a directory the errno differs with the reason; no guest relies on which.
        if (descriptor.filetype === FILETYPE.directory) return 'directory';
        return shown(descriptor.pread(buffers.load(step.length), BigInt(step.at)));
      case 'write':
        return descriptor.write(buffers.load(Buffer.byteLength(step.text), Buffer.from(step.text)));
      case 'pwrite':
        // pwrite(2), BUGS: Linux appends whatever the offset says; POSIX does not. Ours follows POSIX.
        if (descriptor.filetype === FILETYPE.directory || (descriptor.flags & FDFLAG.append) !== 0)
          return 'skipped';
        return descriptor.pwrite(
          buffers.load(Buffer.byteLength(step.text), Buffer.from(step.text)),
          BigInt(step.at),
        );
      case 'seek':
        if (descriptor.filetype === FILETYPE.directory) return 'directory';
        return descriptor.seek(BigInt(step.by), step.whence);
      case 'size':
        return descriptor.setSize(BigInt(step.size));
      case 'stat':
        return sizeOf(descriptor.stat());
      default:
        return 'opened elsewhere';
    }
  }

  #onPath(step: Exclude<Operation, { slot: number }>): unknown {
    const name = Buffer.from(step.name);
    switch (step.do) {
      case 'statAt':
        return sizeOf(this.#root.statAt(name, true));
      case 'mkdir':
        return this.#root.makeDirectory(name);
      case 'rmdir':
        return this.#root.removeDirectory(name);
      case 'unlink':
        return this.#root.unlink(name);
      case 'rename':
        return this.#root.rename(name, this.#root, Buffer.from(step.to));
      default:
        return this.#list(name);
    }
  }

  #list(path: Buffer): unknown {
    const directory = this.#root.open({
      path,
      followSymlinks: true,
      create: false,
      directory: true,
      exclusive: false,
      truncate: false,
      read: true,
      write: false,
      flags: 0,
    });
    if (typeof directory === 'number') return directory;
    const entries = directory.entries(0n);
    const found =
      typeof entries === 'number'
        ? entries
        : Array.from(entries, ({ name, filetype }) => `${Buffer.from(name).toString()}:${filetype}`).sort();
    directory.close();
    return found;
  }
}

const sizeOf = (stat: ReturnType<Descriptor['stat']>): unknown => {
  if (typeof stat === 'number') return stat;
  return stat.filetype === FILETYPE.directory ? 'directory' : Number(stat.size);
};

/** Errnos by which the two say the same "no" for a reason that POSIX leaves open. */
const alike = (step: Operation, memory: unknown, host: unknown): boolean => {
  if (typeof memory !== 'number' || typeof host !== 'number' || memory >= 0 || host >= 0) return false;
  return ['open', 'mkdir', 'rmdir', 'unlink', 'rename', 'statAt', 'size', 'read', 'write', 'list'].includes(
    step.do,
  );
};

test('behaves as the host’s file system does', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'wasmrun-memfs-'));
  let device = 1n;
  try {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 5, maxLength: 60 }), (steps) => {
        const store = new MemoryStore(make, device++);
        const memory = new Subject(new MemoryDirectory(store, store.root));
        const root = openSync(mkdtempSync(join(scratch, 'run-')), constants.O_RDONLY | constants.O_DIRECTORY);
        const host = new Subject(new HostDirectory(root, POLLER, false));
        try {
          for (const [index, step] of steps.entries()) {
            const ours = memory.run(step);
            const theirs = host.run(step);
            if (!alike(step, ours, theirs))
              expect({ index, step, result: ours }).toEqual({ index, step, result: theirs });
          }
        } finally {
          memory.close();
          host.close();
        }
      }),
      { numRuns: 300 },
    );
  } finally {
    rmSync(scratch, { recursive: true });
  }
}, 60_000);

const openNew = (root: MemoryDirectory, name: string): Descriptor =>
  root.open({
    path: Buffer.from(name),
    followSymlinks: true,
    create: true,
    directory: false,
    exclusive: false,
    truncate: false,
    read: true,
    write: true,
    flags: 0,
  }) as Descriptor;

test('a file that is unlinked while open lives until it is closed', () => {
  const store = new MemoryStore(make, 1n);
  const root = new MemoryDirectory(store, store.root);
  const buffers = new Buffers();
  const file = openNew(root, 'a');
  file.write(buffers.load(4, Buffer.from('live')));
  expect(root.unlink(Buffer.from('a'))).toBe(0);
  expect(root.statAt(Buffer.from('a'))).toBeLessThan(0);
  expect(file.pread(buffers.load(10), 0n)).toBe(4);
  expect(buffers.text(4)).toBe('live');
  expect(file.close()).toBe(0);
});

test('a full file system says so and has room again when a file is gone', () => {
  const store = new MemoryStore(make, 1n);
  const root = new MemoryDirectory(store, store.root);
  const more = 300_000_000n;
  const first = openNew(root, 'first');
  const second = openNew(root, 'second');
  expect(first.setSize(more)).toBe(0);
  expect(second.setSize(more)).toBe(-WASI.ENOSPC);
  expect(second.allocate(0n, more)).toBe(-WASI.ENOSPC);
  const buffers = new Buffers();
  expect(second.pwrite(buffers.load(1, Buffer.from('x')), more)).toBe(-WASI.ENOSPC);
  expect(second.setSize(2n ** 62n)).toBe(-WASI.EFBIG);
  expect(second.write(buffers.load(1, Buffer.from('x')))).toBe(1);
  expect(root.unlink(Buffer.from('first'))).toBe(0);
  expect(second.setSize(more)).toBe(-WASI.ENOSPC);
  expect(first.close()).toBe(0);
  expect(second.setSize(more)).toBe(0);
  expect(second.setSize(0n)).toBe(0);
  expect(second.close()).toBe(0);
});
