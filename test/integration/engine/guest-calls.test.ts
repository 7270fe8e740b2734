/** Host calls with unusual but valid arguments, made by a guest in the real engine. */
import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WASI } from '../../../src/engine/errno.ts';
import { runCalls, words } from '../../helpers/call-guest.ts';
import { startEngine } from '../../helpers/engine.ts';
import { EMPTY_BLOCK, ModuleFolder, OP, call, code, i32 } from '../../helpers/wasm-encoder.ts';

let scratch = '';
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'wasmrun-calls-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

describe('memory', () => {
  test('of 4 GiB can be used to its end, and not beyond', async () => {
    const { results, memory } = await runCalls(
      [
        ['random_get', 0xffff_fff0, 16],
        ['random_get', 0xffff_fff0, 17],
        ['fd_write', 1, 0xffff_ffe0, 1, 0xffff_ffdc],
        ['fd_write', 1, 0xffff_ffff, 1, 0],
        ['fd_read', 0, 0xffff_fff8, 2, 0],
      ],
      { pages: 65_536, data: [{ at: 0xffff_ffe0, bytes: words(0xffff_ffff, 0) }] },
    );
    expect(results).toEqual([WASI.SUCCESS, WASI.EFAULT, WASI.SUCCESS, WASI.EFAULT, WASI.EFAULT]);
    expect(memory.readUInt32LE(0)).toBe(0);
  });
});

describe('poll_oneoff', () => {
  /** Wait until descriptor 1 can be written; the user data tells subscriptions apart. */
  const writable = (userData: number, fd = 1): Buffer => words(userData, 0, 2, 0, fd, 0, 0, 0, 0, 0, 0, 0);

  test('of subscriptions at address 0', async () => {
    const { results, memory } = await runCalls([['poll_oneoff', 0, 1024, 1, 2048]], {
      data: [{ at: 0, bytes: writable(77) }],
    });
    expect(results).toEqual([WASI.SUCCESS]);
    expect(memory.readUInt32LE(2048)).toBe(1);
    expect(memory.readUInt32LE(1024)).toBe(77);
  });

  test('of subscriptions beyond 2 GiB', async () => {
    const at = 0x9000_0000;
    const bytes = Buffer.concat([writable(1, 1), writable(2, 2), writable(3, 99)]);
    // The events lie where the dump does not reach: they are printed before it.
    const iovec = words(at + 1024, 96);
    const { stdout } = await runCalls(
      [
        ['poll_oneoff', at, at + 1024, 3, 2048],
        ['fd_write', 1, at + 2048, 1, 2052],
      ],
      {
        pages: 0x9001,
        data: [
          { at, bytes },
          { at: at + 2048, bytes: iovec },
        ],
      },
    );
    const events = stdout.subarray(0, 96);
    const errorOf = new Map(
      [0, 32, 64].map((event) => [events.readUInt32LE(event), events.readUInt16LE(event + 8)]),
    );
    expect(errorOf).toEqual(
      new Map([
        [1, WASI.SUCCESS],
        [2, WASI.SUCCESS],
        [3, WASI.EBADF],
      ]),
    );
  });

  test('of what does not exist says so for each, and does not wait', async () => {
    const unknownClock = words(1, 0, 0, 0, 99, 0, 0xffff_ffff, 0xffff, 0, 0, 0, 0);
    const unknownKind = words(2, 0, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0);
    const noDescriptor = writable(3, 0xffff_ffff);
    const { results, memory } = await runCalls([['poll_oneoff', 0, 1024, 3, 2048]], {
      data: [{ at: 0, bytes: Buffer.concat([unknownClock, unknownKind, noDescriptor]) }],
    });
    expect(results).toEqual([WASI.SUCCESS]);
    expect(memory.readUInt32LE(2048)).toBe(3);
    const errors = [0, 1, 2].map((index) => [
      memory.readUInt32LE(1024 + 32 * index),
      memory.readUInt16LE(1032 + 32 * index),
    ]);
    expect(errors).toEqual([
      [1, WASI.EINVAL],
      [2, WASI.EINVAL],
      [3, WASI.EBADF],
    ]);
  });
});

describe('paths', () => {
  test('as long as the memory are too long, not fatal', async () => {
    const long = 600_000_000;
    const { results } = await runCalls(
      [3, 4].flatMap((fd) => [
        ['path_create_directory', fd, 0, long],
        ['path_rename', fd, 0, 1, fd, 0, long],
        ['path_symlink', 0, long, fd, 0, 1],
        ['path_open', fd, 0, 0, 4096, 0, 0n, 0n, 0, 100],
        ['path_open', fd, 0, 0, 0xffff_ffff, 0, 0n, 0n, 0, 100],
      ]),
      {
        pages: 10_000,
        data: [{ at: 0, bytes: Buffer.alloc(5000, 'a') }],
        tmpfs: ['/memory'],
        directories: [{ hostPath: mkdtempSync(join(scratch, 'long-')), guestPath: '/host', readOnly: false }],
      },
    );
    const expected = [
      WASI.ENAMETOOLONG,
      WASI.ENAMETOOLONG,
      WASI.ENAMETOOLONG,
      WASI.ENAMETOOLONG,
      WASI.EFAULT,
    ];
    expect(results).toEqual([...expected, ...expected]);
  });

  test('in a read-only directory keep their times, also through an open descriptor', async () => {
    const hostPath = mkdtempSync(join(scratch, 'times-'));
    mkdirSync(join(hostPath, 'd'));
    writeFileSync(join(hostPath, 'f'), 'content');
    utimesSync(join(hostPath, 'f'), 1000, 1000);
    const SET_BOTH = 5;
    const { results } = await runCalls(
      [
        ['path_open', 3, 0, 0, 1, 0, 2n, 0n, 0, 100],
        ['fd_filestat_set_times', { load: 100 }, 5n, 5n, SET_BOTH],
        ['path_filestat_set_times', 3, 0, 0, 1, 5n, 5n, SET_BOTH],
      ],
      {
        data: [{ at: 0, bytes: Buffer.from('f') }],
        directories: [{ hostPath, guestPath: '/r', readOnly: true }],
      },
    );
    expect(results).toEqual([WASI.SUCCESS, WASI.EROFS, WASI.EROFS]);
    expect(statSync(join(hostPath, 'f')).mtimeMs).toBe(1_000_000);
  });
});

describe('standard streams', () => {
  const IOVEC = 64;
  const data = [
    { at: IOVEC, bytes: words(128, 4) },
    { at: 128, bytes: Buffer.from('text') },
  ];

  test('can be closed; what is opened next takes their numbers', async () => {
    const { results, memory } = await runCalls(
      [
        ['fd_close', 0],
        ['fd_close', 2],
        ['fd_write', 2, IOVEC, 1, 0],
        ['fd_read', 0, IOVEC, 1, 0],
        ['fd_close', 0],
        ['path_open', 3, 0, 128, 4, 1, 0x42n, 0n, 0, 200],
        ['path_open', 3, 0, 128, 4, 0, 0x42n, 0n, 0, 204],
        ['path_open', 3, 0, 128, 4, 0, 0x42n, 0n, 0, 208],
      ],
      { data, tmpfs: ['/tmp'] },
    );
    expect(results).toEqual([0, 0, WASI.EBADF, WASI.EBADF, WASI.EBADF, 0, 0, 0]);
    expect([200, 204, 208].map((at) => memory.readUInt32LE(at))).toEqual([0, 2, 4]);
  });

  test('are for reading or for writing, not both', async () => {
    const { results } = await runCalls(
      [
        ['fd_read', 1, IOVEC, 1, 0],
        ['fd_read', 2, IOVEC, 1, 0],
        ['fd_write', 0, IOVEC, 1, 0],
      ],
      { data, keepStdin: true },
    );
    expect(results).toEqual([WASI.EBADF, WASI.EBADF, WASI.EBADF]);
  });

  test('made non-blocking do not block', async () => {
    const { results, memory } = await runCalls(
      [
        ['fd_fdstat_set_flags', 0, 4],
        ['fd_read', 0, IOVEC, 1, 0],
        ['fd_read', 0, IOVEC, 0, 0],
        ['fd_fdstat_set_flags', 1, 4],
        ['fd_write', 1, IOVEC, 0, 300],
        ['fd_fdstat_set_flags', 1, 0],
      ],
      { data, keepStdin: true },
    );
    expect(results).toEqual([0, WASI.EAGAIN, 0, 0, 0, 0]);
    expect(memory.readUInt32LE(300)).toBe(0);
  });

  test('made non-blocking take what fits when nobody reads', async () => {
    // Writes 64 KiB at a time until that fails, and exits with the errno.
    using folder = new ModuleFolder();
    const guest = folder.write({
      imports: [
        { name: 'fd_write', parameters: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
        { name: 'fd_fdstat_set_flags', parameters: ['i32', 'i32'], results: ['i32'] },
        { name: 'proc_exit', parameters: ['i32'], results: [] },
      ],
      memory: { pages: 2 },
      data: [{ at: 0, bytes: words(16, 65_536) }],
      functions: [
        {
          locals: 1,
          body: code(
            code(i32(1), i32(4), call(1), OP.drop, OP.loop, EMPTY_BLOCK),
            code(i32(1), i32(0), i32(1), i32(8), call(0), OP.localTee, 0),
            code(i32(0), OP.equal, OP.branchIf, 0, OP.end, OP.localGet, 0, call(2)),
          ),
        },
      ],
    });
    await using engine = startEngine({ guest });
    engine.process.stdout!.pause();
    const exited = await engine.message('exited');
    expect(exited.status).toBe(WASI.EAGAIN);
    engine.process.stdout!.resume();
    await engine.ended;
  });
});

describe('fd_renumber', () => {
  test('moves directories and streams, and frees the old number', async () => {
    const hostPath = mkdtempSync(join(scratch, 'renumber-'));
    const { results, memory } = await runCalls(
      [
        ['fd_renumber', 3, 0],
        ['path_create_directory', 0, 128, 4],
        ['path_create_directory', 3, 128, 4],
        ['fd_prestat_get', 0, 200],
        ['fd_prestat_get', 3, 208],
        ['fd_renumber', 0, 99],
        ['fd_renumber', 99, 0],
        ['fd_renumber', 0, 0],
        ['fd_renumber', 2, 0],
        ['path_create_directory', 0, 128, 4],
        ['fd_renumber', 0xffff_ffff, 0],
      ],
      {
        data: [{ at: 128, bytes: Buffer.from('text') }],
        directories: [{ hostPath, guestPath: '/host', readOnly: false }],
      },
    );
    const { EBADF, ENOTDIR } = WASI;
    expect(results).toEqual([0, 0, EBADF, 0, EBADF, EBADF, EBADF, 0, 0, ENOTDIR, EBADF]);
    expect(memory.readUInt32LE(204)).toBe('/host'.length);
    expect(statSync(join(hostPath, 'text')).isDirectory()).toBe(true);
  });
});
