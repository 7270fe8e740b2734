/**
 * Lets a command that computes be put off: wherever PostgreSQL looks for interrupts (CHECK_FOR_INTERRUPTS() of
 * src/include/miscadmin.h, in every loop that may last) it calls ProcessInterrupts() if `InterruptPending` is set. The engine
 * keeps that set, to a value of its own; what is here stands before ProcessInterrupts(), counts these calls down, and now
 * and then asks the engine, which may suspend it there as in any wait.
 *
 * Not while interrupts are held off: who holds a light-weight lock does so, and nobody may be kept waiting for one.
 *
 * Two functions look at `InterruptPending` for themselves: to insert into an index of SP-GiST begins anew where it is set,
 * and vacuum_delay_point() does not delay. They look at `QueryCancelPending` instead.
 */
import { unsigned } from '../../../src/wasm/leb128.ts';
import { KIND, SECTION } from '../../../src/wasm/wasm-module.ts';
import type { WasmModule } from '../../../src/wasm/wasm-module.ts';
import { COUNTDOWN, NOT_INTERRUPTED } from '../engine/static-variables.ts';

/** WebAssembly Core Specification, binary format. */
const OP = {
  if: 0x04,
  end: 0x0b,
  return: 0x0f,
  call: 0x10,
  drop: 0x1a,
  globalGet: 0x23,
  load: 0x28,
  store: 0x36,
  constant: 0x41,
  isZero: 0x45,
  equal: 0x46,
  subtract: 0x6b,
  or: 0x72,
} as const;
const NO_LOCALS = 0;
const NO_RESULT = 0x40;
/** Of 32 bits, where it is expected. */
const ALIGNED = [2, 0];

const constant = (value: number): number[] => [OP.constant, ...unsigned(value)];
const load = (address: readonly number[]): number[] => [...address, OP.load, ...ALIGNED];
const store = (address: readonly number[], value: readonly number[]): number[] => [
  ...address,
  ...value,
  OP.store,
  ...ALIGNED,
];
const when = (condition: readonly number[], ...then: readonly (readonly number[])[]): number[] => [
  ...condition,
  OP.if,
  NO_RESULT,
  ...then.flat(),
  OP.end,
];

/** Number of spgdoinsert() (src/backend/access/spgist/spgdoinsert.c), which is not exported. */
const SPG_DO_INSERT = 1035;
/** What reads `InterruptPending` in that version, and `QueryCancelPending`: `i32.const`, `i32.load`. */
const READ_PENDING = Buffer.from('41e0c2af01280200', 'hex');
const READ_CANCEL = Buffer.from('41e4c2af01280200', 'hex');

const lookElsewhere = (body: Uint8Array): Uint8Array => {
  const changed = Buffer.from(body);
  if (!changed.includes(READ_PENDING)) throw new Error('nothing looks for interrupts here');
  for (let at = changed.indexOf(READ_PENDING); at >= 0; at = changed.indexOf(READ_PENDING, at)) {
    READ_CANCEL.copy(changed, at);
  }
  return changed;
};

export interface ModuleNumbers {
  /** How many functions are imported. */
  readonly imported: number;
  /** Number of the import that stands for WaitEventSetWait(): to wait for nothing and no time is to let others go on. */
  readonly wait: number;
}

export const yieldWhereInterrupted = (module: WasmModule, { imported, wait }: ModuleNumbers): void => {
  const exported = new Map(module.exports().map((each) => [`${each.kind} ${each.name}`, each.number]));
  const numberOf = (kind: number, name: string): number => {
    const number = exported.get(`${kind} ${name}`);
    if (number === undefined) throw new RangeError(`the module exports no ${name}`);
    return number;
  };
  const variable = (name: string): number[] => [OP.globalGet, ...unsigned(numberOf(KIND.global, name))];
  const processInterrupts = numberOf(KIND.function, 'ProcessInterrupts') - imported;
  const types = module.declaredTypes();
  module.append(SECTION.function, unsigned(types[processInterrupts]!));
  let original: Uint8Array | undefined;
  const body = standIn({
    pending: variable('InterruptPending'),
    holdOffs: ['InterruptHoldoffCount', 'CritSectionCount'].map((name) => load(variable(name))),
    wait: [...Array.from({ length: 5 }, () => constant(0)).flat(), OP.call, ...unsigned(wait), OP.drop],
    original: [OP.call, ...unsigned(imported + types.length)],
  });
  module.changeBodies(
    new Map([
      [processInterrupts, (old) => ((original = Uint8Array.from(old)), Uint8Array.from(body))],
      [SPG_DO_INSERT - imported, lookElsewhere],
      [numberOf(KIND.function, 'vacuum_delay_point') - imported, lookElsewhere],
    ]),
  );
  module.append(SECTION.code, [...unsigned(original!.length), ...original!]);
};

interface Parts {
  /** The address of `InterruptPending`. */
  readonly pending: readonly number[];
  /** What is 0 where interrupts are welcome. */
  readonly holdOffs: readonly (readonly number[])[];
  readonly wait: readonly number[];
  readonly original: readonly number[];
}

/** Stands where ProcessInterrupts() was. */
const standIn = ({ pending, holdOffs, wait, original }: Parts): number[] => {
  const isNone = [...load(pending), ...constant(NOT_INTERRUPTED), OP.equal];
  const countdown = constant(COUNTDOWN);
  const isHeldOff = holdOffs.reduce((sum, next) => [...sum, ...next, OP.or]);
  return [
    NO_LOCALS,
    ...when(
      isNone,
      store(countdown, [...load(countdown), ...constant(1), OP.subtract]),
      when(load(countdown), [OP.return]),
      // As soon as they are welcome again.
      when(isHeldOff, store(countdown, constant(1)), [OP.return]),
      wait,
      // A signal has come meanwhile.
      when(isNone, [OP.return]),
    ),
    ...original,
    ...when([...load(pending), OP.isZero], store(pending, constant(NOT_INTERRUPTED))),
    OP.end,
  ];
};
