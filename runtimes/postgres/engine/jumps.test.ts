import { expect, test } from 'vitest';
import { jumpModule } from './jumps.ts';

/** What a module with these functions is linked to, and what setThrew(3) was called with. */
const link = (names: readonly string[], functions: readonly WebAssembly.HostFunction[]) => {
  const table = new WebAssembly.Table({ element: 'anyfunc', initial: functions.length + 2 });
  const stackPointer = new WebAssembly.Global({ value: 'i32', mutable: true }, 1000);
  const caught = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
  const jumping = new WebAssembly.Tag({ parameters: [] });
  const host = { table, stackPointer, caught, jumping };
  const instance = (): Record<string, (...values: unknown[]) => unknown> =>
    new WebAssembly.Instance(jumpModule(names), { host }).exports as never;
  return { table, stackPointer, exports: instance(), others: instance() };
};

/** A module that imports `h.f`, of the only type of this section, and exports it as `g`. */
const callingHost = (types: string): Buffer => {
  const section = (id: string, content: string): string =>
    `${id}${(content.length / 2).toString(16).padStart(2, '0')}${content}`;
  const sections = [section('01', types), section('02', '01016801660000'), section('07', '0101670000')];
  return Buffer.from(`0061736d01000000${sections.join('')}`, 'hex');
};

/** A function of WebAssembly without parameters and results that calls one of the host's. */
const wrap = (action: () => void): unknown => {
  const bytes = callingHost('01600000');
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { h: { f: action } }).exports['g'];
};

test('what is called through it returns as it is, for every type', () => {
  const names = ['invoke_v', 'invoke_viii', 'invoke_jij', 'invoke_did', 'invoke_fif'];
  expect(Object.keys(link(names, []).exports).sort()).toEqual(['jump', ...names].sort());
});

test('a jump ends in the call that it comes out of, which puts the stack back and tells', () => {
  const { table, stackPointer, exports, others } = link(['invoke_v'], []);
  let told = 0;
  // (func (param i32 i32)) that calls the host.
  const tell = callingHost('0160027f7f00');
  const f = (threw: number): void => void (told = threw);
  table.set(0, new WebAssembly.Instance(new WebAssembly.Module(tell), { h: { f } }).exports['g']);
  table.set(
    1,
    wrap(() => {
      stackPointer.value = 500;
      // Of another module of the same backend.
      others['jump']!();
    }),
  );
  exports['invoke_v']!(1);
  expect({ told, stack: stackPointer.value }).toEqual({ told: 1, stack: 1000 });
});

test('an error of the engine comes through', () => {
  const { table, exports } = link(['invoke_v'], []);
  table.set(
    1,
    wrap(() => {
      throw new Error('of the engine');
    }),
  );
  expect(() => exports['invoke_v']!(1)).toThrow('of the engine');
});
