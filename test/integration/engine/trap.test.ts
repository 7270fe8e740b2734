import { describe, expect, test } from 'vitest';
import { describeTrap } from '../../../src/engine/trap.ts';
import { startEngine } from '../../helpers/engine.ts';
import { EMPTY_BLOCK, ModuleFolder, OP, call, i32 } from '../../helpers/wasm-encoder.ts';
import type { ModuleParts } from '../../helpers/wasm-encoder.ts';

/** What a guest that traps leaves on stderr. */
const crash = async (guest: string, args: readonly string[] = []): Promise<string> => {
  await using run = startEngine({ guest, args: ['guest', ...args] });
  expect(await run.ended).toMatchObject({
    status: 134,
    end: { type: 'exited', status: 134, reason: 'trap' },
  });
  return run.stderr();
};

const crashModule = async (module: ModuleParts): Promise<string> => {
  using folder = new ModuleFolder();
  return await crash(folder.write(module));
};

describe('a trap', () => {
  test.each([
    ['unreachable', 'unreachable'],
    ['memory', 'memory access out of bounds'],
  ])('by "%s" is told with the names of the functions it happened in', async (how, what) => {
    const lines = (await crash('crasher', [how])).trimEnd().split('\n');
    expect(lines[0]).toBe(`wasm trap: ${what}`);
    const names = lines
      .slice(1)
      .map((line) => /^ {4}at ([\w.]+) \(crasher\.wasm:0x[0-9a-f]+\)$/.exec(line)?.[1]);
    expect(names.slice(0, 2)).toEqual(['crash_in_the_depth', 'call_the_crash']);
    expect(names.at(-1)).toBe('_start.command_export');
    expect(names).not.toContain(undefined);
  });

  test('by endless recursion tells the function once', async () => {
    const stderr = await crash('crasher', ['recursion']);
    expect(stderr).toMatch(
      /^wasm trap: Maximum call stack size exceeded\n( {4}at recurse_for_ever \(crasher\.wasm:0x[0-9a-f]+\)\n){1,2} {4}… the same at least \d\d more times\n$/,
    );
  });

  test('by functions that call each other tells each once', async () => {
    const stderr = await crashModule({
      functions: [{ body: call(1) }, { body: call(2) }, { body: call(0) }],
    });
    const calls = stderr.split('\n').filter((line) => line.startsWith('    at '));
    expect(calls.length).toBeLessThan(8);
    expect(stderr).toMatch(/^ {4}… the same 3 lines at least 1\d more times$/m);
  });

  test('keeps recursion that ended in something else apart from what it ended in', async () => {
    const oneLess = [OP.localGet, 0, ...i32(1), OP.subtract, ...call(1)];
    const stderr = await crashModule({
      functions: [
        { body: [...i32(5), ...call(1)] },
        {
          parameters: ['i32'],
          body: [OP.localGet, 0, OP.if, EMPTY_BLOCK, ...oneLess, OP.else, OP.unreachable, OP.end],
        },
      ],
    });
    const functions = stderr.split('\n').map((line) => /function \d|the same.*/.exec(line)?.[0]);
    expect(functions).toEqual([
      undefined,
      'function 1',
      'function 1',
      'the same 4 more times',
      'function 0',
      undefined,
    ]);
  });

  test('is also an exception that the guest throws and does not catch', async () => {
    const stderr = await crashModule({ tags: 1, functions: [{ body: [OP.throw, 0] }] });
    expect(stderr).toBe('wasm trap: an exception was thrown and not caught\n');
  });

  test('in a data segment beyond the memory is told too', async () => {
    const stderr = await crashModule({
      data: [{ at: 0xff_ffff, bytes: Buffer.from('a') }],
      functions: [{ body: [] }],
    });
    expect(stderr).toMatch(/^wasm trap: .*data segment 0 is out of bounds/);
  });

  test('without a stack is one line', () => {
    const error = new Error('unreachable');
    error.stack = 'RuntimeError: unreachable\n    at ours (/somewhere/main.ts:1:2)';
    expect(describeTrap('app.wasm', error)).toBe('wasm trap: unreachable');
  });
});
