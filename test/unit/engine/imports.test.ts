import { describe, expect, test } from 'vitest';
import { Control } from '../../../src/engine/control.ts';
import { WASI } from '../../../src/engine/errno.ts';
import { FdTable } from '../../../src/engine/fd-table.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { linkImports } from '../../../src/engine/imports.ts';
import type { LaunchMessage } from '../../../src/engine/messages.ts';
import { Poller } from '../../../src/engine/poll.ts';
import { Services } from '../../../src/engine/services.ts';

/** Host functions as a module gets them; nothing here waits, so the control channel is never used. */
const link = (
  ...names: string[]
): { call: (name: string, ...args: unknown[]) => unknown; memory: GuestMemory } => {
  const memory = new GuestMemory();
  const fds = new FdTable();
  const control = new Control();
  const poller = new Poller(control);
  const launch: LaunchMessage = {
    type: 'launch',
    module: '',
    args: ['app', 'one'],
    env: {},
    directories: [],
    tmpfs: [],
    handed: [],
    inherited: [],
    keepListeners: false,
    channels: [],
    ports: [],
  };
  const services = new Services({
    launch,
    go: { type: 'go' },
    control,
    poller,
    directories: [],
    lanes: undefined,
  });
  const module = 'wasi_snapshot_preview1';
  const { imports } = linkImports(
    names.map((name) => ({ module, name, kind: 'function' })),
    { memory, fds, env: {}, services },
  );
  const call = (name: string, ...args: unknown[]): unknown =>
    (imports[module]![name] as (...args: unknown[]) => unknown)(...args);
  return { call, memory };
};

describe('a host function', () => {
  test('sees the memory that the guest has at the moment of the call', () => {
    const { call, memory } = link('args_sizes_get');
    const guest = new WebAssembly.Memory({ initial: 1, maximum: 4 });
    memory.attach(guest);
    expect(call('args_sizes_get', 65_536, 65_540)).toBe(WASI.EFAULT);
    guest.grow(1);
    expect(call('args_sizes_get', 65_536, 65_540)).toBe(WASI.SUCCESS);
    expect(new DataView(guest.buffer).getUint32(65_536, true)).toBe(2);
  });

  test('answers EFAULT before there is a memory', () => {
    const { call } = link('args_sizes_get', 'poll_oneoff');
    expect(call('args_sizes_get', 0, 4)).toBe(WASI.EFAULT);
    expect(call('poll_oneoff', 0, 64, 1, 128)).toBe(WASI.EFAULT);
  });

  test('that finds no room on the stack ends the guest instead of blaming an address', () => {
    const { call, memory } = link('args_get', 'path_open');
    memory.attach(new WebAssembly.Memory({ initial: 1 }));
    const answers = new Set<unknown>();
    // Goes down to the end of the stack and calls at every depth on the way up.
    const atEveryDepth = (): void => {
      try {
        atEveryDepth();
      } catch {
        // The end of the stack.
      }
      try {
        answers.add(call('args_get', 0, 64));
      } catch (error) {
        answers.add((error as Error).message);
      }
    };
    atEveryDepth();
    expect(answers).toEqual(new Set(['Maximum call stack size exceeded', WASI.SUCCESS]));
  });
});
