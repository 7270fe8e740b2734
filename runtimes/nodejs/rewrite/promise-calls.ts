/**
 * Opens QuickJS where it makes reactions of promises and queues jobs, so that native/context-frame.c can note there
 * what AsyncLocalStorage has to find again when they run. QuickJS has nothing of the kind: its hooks of promises are
 * not told of `await`.
 *
 * Its functions `perform_promise_then`, which `then` and `await` both come to, and `JS_EnqueueJob` are from then on
 * called through an exported table, `promise_calls`, that holds these two at first.
 */
import { createHash } from 'node:crypto';
import { callsIn } from './calls.ts';
import type { Call } from './calls.ts';
import { readUnsigned, unsigned } from '../../../src/wasm/leb128.ts';
import type { Cursor } from '../../../src/wasm/leb128.ts';
import { KIND, SECTION, WasmModule } from '../../../src/wasm/wasm-module.ts';

/** SHA-256 of `quickjs.wasm` of quickjs-wasi 3.6.2, the only one that this was tried on. */
const KNOWN = 'd4c9375f2b1ca4dc95f72c8aa2982a7a9951ac8011490d79c6582df732b4bbd9';

/** An exported function of QuickJS that calls `perform_promise_then`, which is not exported itself. */
const CALLER_OF_THEN = 'JS_PromiseThen';
const ENQUEUE = 'JS_EnqueueJob';

const I32 = 0x7f;
const I64 = 0x7e;
const FUNCREF = 0x70;
/** `int perform_promise_then(ctx, JSValue promise, JSValue *handlers, JSValue *resolving_functions)` */
const SIGNATURE_OF_THEN = [0x60, 4, I32, I64, I32, I32, 1, I32];
/** `int JS_EnqueueJob(ctx, JSJobFunc *job, int argc, JSValue *argv)` */
const SIGNATURE_OF_ENQUEUE = [0x60, 4, I32, I32, I32, I32, 1, I32];

/** Instructions. */
const OP = { end: 0x0b, callIndirect: 0x11, localGet: 0x20, constant: 0x41 } as const;

/** What the module exports besides. */
const TABLE = 'promise_calls';
const THEN = 'perform_promise_then';

interface Body {
  readonly start: number;
  readonly end: number;
  readonly calls: readonly Call[];
}

/**
 * @param quickjs - `quickjs.wasm` of the package quickjs-wasi
 * @throws RangeError for another one than was expected
 */
export const redirectPromiseCalls = (quickjs: Uint8Array): Uint8Array => {
  const hash = createHash('sha256').update(quickjs).digest('hex');
  if (hash !== KNOWN) {
    throw new RangeError(
      `quickjs.wasm is another one than runtimes/nodejs/rewrite/promise-calls.ts knows (SHA-256 ${hash}). ` +
        'Run the tests of AsyncLocalStorage with it, then note its hash there.',
    );
  }
  const module = new WasmModule(quickjs);
  const imports = importedFunctions(module);
  const types = module.declaredTypes();
  const bodies = functionBodies(module);
  const exported = module.exportedFunctions();
  const enqueue = exported.get(ENQUEUE)!;
  const then = findThen(module, types, imports, bodies[exported.get(CALLER_OF_THEN)! - imports]!);
  if (!hasSignature(module, types[enqueue - imports]!, SIGNATURE_OF_ENQUEUE)) {
    throw new RangeError(`${ENQUEUE} has another signature`);
  }

  const table = module.vector(SECTION.table).count;
  const next = imports + types.length;
  const redirected = [then, enqueue];
  retarget(module, bodies, new Map(redirected.map((callee, slot) => [callee, next + slot])));
  const added = redirected.map((callee) => types[callee - imports]!);
  module.append(SECTION.function, ...added.map(unsigned));
  module.append(SECTION.code, ...added.map((type, slot) => throughTable(table, slot, type)));
  // A table of exactly two functions, and what it holds at first (an active segment of a table that is named).
  module.append(SECTION.table, [FUNCREF, 1, 2, 2]);
  module.append(SECTION.element, [
    2,
    ...unsigned(table),
    OP.constant,
    0,
    OP.end,
    0,
    2,
    ...redirected.flatMap(unsigned),
  ]);
  module.append(
    SECTION.export,
    [...name(TABLE), KIND.table, ...unsigned(table)],
    [...name(THEN), KIND.function, ...unsigned(then)],
  );
  return module.bytes();
};

const name = (text: string): number[] => [text.length, ...Buffer.from(text, 'latin1')];

/** A function that passes its four parameters on to the one in the table. */
const throughTable = (table: number, slot: number, type: number): number[] => {
  const body = [
    0,
    ...[0, 1, 2, 3].flatMap((parameter) => [OP.localGet, parameter]),
    OP.constant,
    slot,
    OP.callIndirect,
    ...unsigned(type),
    ...unsigned(table),
    OP.end,
  ];
  return [...unsigned(body.length), ...body];
};

/** The only function with the signature of `perform_promise_then` that its exported caller calls. */
const findThen = (module: WasmModule, types: readonly number[], imports: number, caller: Body): number => {
  const candidates = new Set(
    caller.calls
      .map(({ callee }) => callee)
      .filter((callee) => callee >= imports)
      .filter((callee) => hasSignature(module, types[callee - imports]!, SIGNATURE_OF_THEN)),
  );
  if (candidates.size !== 1) {
    throw new RangeError(`${CALLER_OF_THEN} calls ${candidates.size} functions like perform_promise_then`);
  }
  return [...candidates][0]!;
};

/** Writes other functions into calls. */
const retarget = (
  module: WasmModule,
  bodies: readonly Body[],
  targets: ReadonlyMap<number, number>,
): void => {
  const { count, items } = module.vector(SECTION.code);
  const code = bodies.flatMap(({ start, end, calls }) => {
    const parts: Uint8Array[] = [];
    let copied = start;
    for (const call of calls) {
      const target = targets.get(call.callee);
      if (target === undefined) continue;
      parts.push(items.subarray(copied, call.start), Uint8Array.from(unsigned(target)));
      copied = call.end;
    }
    parts.push(items.subarray(copied, end));
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    return [Uint8Array.from(unsigned(size)), ...parts];
  });
  module.replace(SECTION.code, { count, items: Buffer.concat(code) });
};

const importedFunctions = (module: WasmModule): number => {
  const { count, items } = module.vector(SECTION.import);
  const cursor = { at: 0 };
  for (let index = 0; index < count; index += 1) {
    skipName(items, cursor);
    skipName(items, cursor);
    if (items[cursor.at] !== KIND.function) throw new RangeError('QuickJS imports more than functions');
    cursor.at += 1;
    readUnsigned(items, cursor);
  }
  return count;
};

const functionBodies = (module: WasmModule): Body[] => {
  const { count, items } = module.vector(SECTION.code);
  const cursor = { at: 0 };
  return Array.from({ length: count }, () => {
    const size = readUnsigned(items, cursor);
    const start = cursor.at;
    cursor.at += size;
    return { start, end: cursor.at, calls: callsIn(items, start, cursor.at) };
  });
};

const skipName = (items: Uint8Array, cursor: Cursor): void => {
  const length = readUnsigned(items, cursor);
  cursor.at += length;
};

const hasSignature = (module: WasmModule, type: number, expected: readonly number[]): boolean => {
  const { count, items } = module.vector(SECTION.type);
  const cursor = { at: 0 };
  for (let index = 0; index < count; index += 1) {
    const start = cursor.at;
    cursor.at += 1;
    skipTypes(items, cursor);
    skipTypes(items, cursor);
    if (index === type) return Buffer.from(expected).equals(items.subarray(start, cursor.at));
  }
  return false;
};

/** Moves over a list of value types, each a byte. */
const skipTypes = (items: Uint8Array, cursor: Cursor): void => {
  const count = readUnsigned(items, cursor);
  cursor.at += count;
};
