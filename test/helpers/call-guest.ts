/** Guests that make a list of host calls, one after another, and tell what came of each. */
import { startEngine } from './engine.ts';
import type { EngineOptions } from './engine.ts';
import { LOAD32, ModuleFolder, STORE32, call, code, i32, i64 } from './wasm-encoder.ts';
import type { ModuleParts, ValueType } from './wasm-encoder.ts';

/** An i32, an i64, or the i32 found at an address when the call is made. */
export type CallArgument = number | bigint | { readonly load: number };

/** A function of `wasi_snapshot_preview1` and what it is called with. */
export type HostCall = readonly [name: string, ...CallArgument[]];

/** Results are kept from here on, 4 bytes each; callers use what lies below and above. */
const RESULTS_AT = 0x4000;
/** How much of the memory is printed at the end. */
const DUMP_SIZE = 0x8000;
/** The iovec of the last call. */
const DUMP_IOVEC_AT = 0x7ff0;

export interface CallGuestOptions {
  readonly data?: ModuleParts['data'];
  readonly pages?: number;
}

const typeOf = (argument: CallArgument): ValueType => (typeof argument === 'bigint' ? 'i64' : 'i32');

/** 32-bit numbers as they lie in the memory. */
export const words = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);

const push = (argument: CallArgument): number[] => {
  if (typeof argument === 'bigint') return i64(argument);
  return typeof argument === 'number' ? i32(argument) : code(i32(argument.load), LOAD32);
};

/** The module that makes the calls, keeps their results, and prints the start of its memory. */
export const callModule = (calls: readonly HostCall[], options: CallGuestOptions = {}): ModuleParts => {
  const { data = [], pages = 1 } = options;
  const all: readonly HostCall[] = [...calls, ['fd_write', 1, DUMP_IOVEC_AT, 1, DUMP_IOVEC_AT + 8]];
  const imports = new Map<string, NonNullable<ModuleParts['imports']>[number]>();
  const indexOf = ([name, ...values]: HostCall): number => {
    const parameters = values.map(typeOf);
    const key = `${name} ${parameters.join()}`;
    if (!imports.has(key)) imports.set(key, { name, parameters, results: ['i32'] });
    return [...imports.keys()].indexOf(key);
  };
  const body = all.flatMap((each, index) => {
    const [, ...values] = each;
    // Those of the last call do not matter: the dump is on its way.
    return code(i32(RESULTS_AT + 4 * index), ...values.map(push), call(indexOf(each)), STORE32);
  });
  return {
    imports: [...imports.values()],
    memory: { pages },
    data: [...data, { at: DUMP_IOVEC_AT, bytes: words(0, DUMP_SIZE) }],
    functions: [{ body }],
  };
};

export interface CallOutcome {
  /** What each call answered: a WASI errno. */
  readonly results: readonly number[];
  /** The first 32 KiB of the guest's memory after the calls. */
  readonly memory: Buffer;
  /** What the calls themselves wrote. */
  readonly stdout: Buffer;
}

/** Runs the calls in the real engine. */
export const runCalls = async (
  calls: readonly HostCall[],
  options: CallGuestOptions & Omit<EngineOptions, 'guest'> = {},
): Promise<CallOutcome> => {
  using folder = new ModuleFolder();
  const { data, pages, ...engine } = options;
  const module = callModule(calls, { ...(data && { data }), ...(pages && { pages }) });
  await using run = startEngine({ guest: folder.write(module), ...engine });
  const { status, signal, end } = await run.ended;
  const output = run.output();
  if (status !== 0 || output.length < DUMP_SIZE) {
    const seen = { status, signal, end, stderr: run.stderr() };
    throw new Error(`the guest did not get to its end: ${JSON.stringify(seen)}`);
  }
  const stdout = output.subarray(0, -DUMP_SIZE);
  const memory = output.subarray(-DUMP_SIZE);
  return { results: calls.map((_, index) => memory.readUInt32LE(RESULTS_AT + 4 * index)), memory, stdout };
};
