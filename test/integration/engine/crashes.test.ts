/** Modules that no compiler makes, and guests at their limits: the engine answers, or ends with a sentence. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WASI } from '../../../src/engine/errno.ts';
import { callModule, words } from '../../helpers/call-guest.ts';
import { startEngine } from '../../helpers/engine.ts';
import type { EngineOptions } from '../../helpers/engine.ts';
import {
  EMPTY_BLOCK,
  ModuleFolder,
  OP,
  TRAP_UNLESS_ZERO,
  call,
  code,
  i32,
  i64,
} from '../../helpers/wasm-encoder.ts';
import type { ModuleParts, ValueType } from '../../helpers/wasm-encoder.ts';

let scratch = '';
let folder: ModuleFolder;
beforeAll(() => {
  folder = new ModuleFolder();
  scratch = mkdtempSync(join(tmpdir(), 'wasmrun-crashes-'));
});
afterAll(() => {
  folder[Symbol.dispose]();
  rmSync(scratch, { recursive: true });
});

/** Runs a module to its end. */
const run = async (
  module: ModuleParts | Uint8Array,
  options: Omit<EngineOptions, 'guest'> = {},
): Promise<{ status: number | null; end: unknown; stdout: string; stderr: string }> => {
  await using engine = startEngine({ guest: folder.write(module), ...options });
  const { status, end } = await engine.ended;
  return { status, end, stdout: engine.stdout(), stderr: engine.stderr() };
};

const imported = (
  name: string,
  parameters: readonly ValueType[],
  results: readonly ValueType[] = ['i32'],
) => ({
  name,
  parameters,
  results,
});
const EXIT = imported('proc_exit', ['i32'], []);
const FD_WRITE = imported('fd_write', ['i32', 'i32', 'i32', 'i32']);
const returnNothing = { functions: [{ body: [] }] };

describe('a module', () => {
  test.each<[string, ModuleParts, RegExp]>([
    ['exports nothing', { ...returnNothing, exports: {} }, /has no _start function/],
    [
      'calls its memory _start',
      { ...returnNothing, exports: { _start: ['memory', 0], memory: ['memory', 0] } },
      /has no _start function/,
    ],
    [
      'calls a function its memory',
      { ...returnNothing, exports: { _start: ['function', 0], memory: ['function', 0] } },
      /does not export its memory/,
    ],
    [
      'has an invalid function',
      { functions: [{ body: [OP.drop] }] },
      /is not a valid WebAssembly module: Compiling function #0/,
    ],
    [
      'has an invalid function that is called late',
      { functions: [{ body: call(1) }, { body: [OP.drop] }] },
      /is not a valid WebAssembly module: Compiling function #1/,
    ],
  ])('that %s is refused in one sentence', async (_what, module, sentence) => {
    const { status, end } = await run(module);
    expect(end).toMatchObject({
      type: 'failed',
      code: 'MODULE_INVALID',
      message: expect.stringMatching(sentence),
    });
    expect(status).toBe(126);
  });

  test.each<[string, ModuleParts]>([
    [
      'as if addresses had 64 bits',
      {
        imports: [imported('fd_write', ['i64', 'i64', 'i64', 'i64'])],
        functions: [{ body: code(i64(1n), i64(0n), i64(1n), i64(8n), call(0), OP.drop) }],
      },
    ],
    [
      'with a result of 64 bits',
      { imports: [imported('sched_yield', [], ['i64'])], functions: [{ body: code(call(0), OP.drop) }] },
    ],
    ['with a _start that wants an argument', { functions: [{ parameters: ['i64'], body: [] }] }],
  ])('that declares functions %s is told so', async (_what, module) => {
    const { status, end } = await run(module);
    expect(end).toMatchObject({
      type: 'failed',
      code: 'MODULE_UNSUPPORTED_IMPORTS',
      message: expect.stringContaining(
        'does not declare its imports or _start with the types WASI gives them',
      ),
    });
    expect(status).toBe(126);
  });

  test('that declares functions without parameters gets an errno from each', async () => {
    const names = ['fd_write', 'random_get', 'path_open', 'poll_oneoff', 'fd_seek', 'sock_recv'];
    const { status } = await run({
      imports: [...names.map((name) => imported(name, [])), EXIT],
      functions: [
        {
          body: code(...names.map((_, index) => code(call(index), OP.drop)), i32(7), call(names.length)),
        },
      ],
    });
    expect(status).toBe(7);
  });

  test('that calls the host while it is made, without a memory, gets EFAULT', async () => {
    const { status } = await run({
      imports: [imported('random_get', ['i32', 'i32']), EXIT],
      start: 2,
      functions: [
        {
          body: code(i32(0), i32(4), call(0), i32(WASI.EFAULT), OP.notEqual, TRAP_UNLESS_ZERO),
        },
        // With the memory there, the same call succeeds.
        { body: code(i32(0), i32(4), call(0), i32(9), OP.add, call(1)) },
      ],
      exports: { _start: ['function', 3], memory: ['memory', 0] },
    });
    expect(status).toBe(9);
  });

  test('of 3 MB starts and runs', async () => {
    const filler = { body: code(...Array.from({ length: 5000 }, () => code(i32(1), OP.drop))) };
    const functions = [{ body: code(i32(5), call(0)) }, ...Array.from({ length: 200 }, () => filler)];
    const { status } = await run({ imports: [EXIT], functions });
    expect(status).toBe(5);
  });
});

describe('growing memory', () => {
  test('is usable by the host at once, again and again', async () => {
    // Grows by a page, then lets the host fill its last 8 bytes; 100 times.
    const lastWord = code(OP.localGet, 0, i32(2), OP.add, i32(65_536), OP.multiply, i32(8), OP.subtract);
    const { status } = await run({
      imports: [imported('random_get', ['i32', 'i32']), EXIT],
      functions: [
        {
          locals: 1,
          body: code(
            code(OP.loop, EMPTY_BLOCK, i32(1), OP.memoryGrow, 0, OP.drop),
            code(lastWord, i32(8), call(0), TRAP_UNLESS_ZERO),
            code(
              OP.localGet,
              0,
              i32(1),
              OP.add,
              OP.localTee,
              0,
              i32(100),
              OP.notEqual,
              OP.branchIf,
              0,
              OP.end,
            ),
            code(i32(11), call(1)),
          ),
        },
      ],
    });
    expect(status).toBe(11);
  });

  test('that is shared, too', async () => {
    const { status } = await run({
      imports: [imported('random_get', ['i32', 'i32']), EXIT],
      memory: { pages: 1, most: 4, shared: true },
      functions: [
        {
          body: code(
            code(i32(65_536), i32(8), call(0), i32(WASI.EFAULT), OP.notEqual, TRAP_UNLESS_ZERO),
            code(i32(2), OP.memoryGrow, 0, OP.drop, i32(3 * 65_536 - 8), i32(8), call(0), TRAP_UNLESS_ZERO),
            code(i32(12), call(1)),
          ),
        },
      ],
    });
    expect(status).toBe(12);
  });

  test('that fails leaves the old memory as it was', async () => {
    const { status } = await run({
      imports: [imported('random_get', ['i32', 'i32']), EXIT],
      memory: { pages: 1, most: 2 },
      functions: [
        {
          body: code(
            code(i32(2), OP.memoryGrow, 0, i32(-1), OP.notEqual, TRAP_UNLESS_ZERO),
            code(i32(65_528), i32(8), call(0), TRAP_UNLESS_ZERO),
            code(i32(65_529), i32(8), call(0), call(1)),
          ),
        },
      ],
    });
    expect(status).toBe(WASI.EFAULT);
  });
});

describe('descriptors', () => {
  test('run out with EMFILE; closing one makes room, and streams go on', async () => {
    const hostPath = mkdtempSync(join(scratch, 'file-'));
    writeFileSync(join(hostPath, 'f'), 'content');
    const open = code(
      code(i32(3), i32(0), i32(64), i32(1), i32(0), i64(2n), i64(0n), i32(0), i32(0)),
      call(0),
    );
    const { status, stdout } = await run(
      {
        imports: [
          imported('path_open', ['i32', 'i32', 'i32', 'i32', 'i32', 'i64', 'i64', 'i32', 'i32']),
          imported('fd_close', ['i32']),
          FD_WRITE,
          EXIT,
        ],
        data: [
          { at: 16, bytes: words(64, 1) },
          { at: 64, bytes: Buffer.from('f') },
        ],
        functions: [
          {
            locals: 1,
            body: code(
              code(OP.loop, EMPTY_BLOCK, open, OP.localTee, 0, i32(0), OP.equal, OP.branchIf, 0, OP.end),
              code(OP.localGet, 0, i32(WASI.EMFILE), OP.notEqual, TRAP_UNLESS_ZERO),
              code(i32(1), i32(16), i32(1), i32(24), call(2), TRAP_UNLESS_ZERO),
              code(i32(100), call(1), TRAP_UNLESS_ZERO, open, TRAP_UNLESS_ZERO),
              code(open, call(3)),
            ),
          },
        ],
      },
      { directories: [{ hostPath, guestPath: '/host', readOnly: false }] },
    );
    expect({ status, stdout }).toEqual({ status: WASI.EMFILE, stdout: 'f' });
  });
});

describe('a stop', () => {
  test('that arrives together with the go ends the guest at its first wait', async () => {
    const forever = words(0, 0, 0, 0, 1, 0, 0xffff_ffff, 0x7fff, 0, 0, 0, 0);
    const guest = folder.write(
      callModule([['poll_oneoff', 0, 1024, 1, 2048]], { data: [{ at: 0, bytes: forever }] }),
    );
    await using engine = startEngine({ guest, keepStdin: true, together: [{ type: 'stop', signal: 15 }] });
    const { status, end } = await engine.ended;
    expect({ status, end }).toEqual({ status: 0, end: { type: 'exited', status: 0, reason: 'stopped' } });
  });
});
