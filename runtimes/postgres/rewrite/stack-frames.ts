/**
 * Has functions that look how deep the stack is take some of it. PostgreSQL measures the stack in the guest's memory, where a
 * function has a part only if it takes the address of a variable; its calls themselves are on V8's stack, which is another
 * one. A parser that calls itself a million times is nowhere near PostgreSQL's limit, and beyond V8's, which ends
 * the server. So each function that calls check_stack_depth() is called through one that takes a part for it.
 */
import { readUnsigned, unsigned } from '../../../src/wasm/leb128.ts';
import type { Cursor } from '../../../src/wasm/leb128.ts';
import { SECTION } from '../../../src/wasm/wasm-module.ts';
import type { WasmModule } from '../../../src/wasm/wasm-module.ts';

/**
 * In bytes. With PostgreSQL's limit of 2 MB a function may call itself 16,000 times; of V8's 60 MB (engine/stacks.ts) that
 * may take 3,600 bytes each time. A multiple of 16, as the stack pointer is.
 */
const FRAME_SIZE = 128;
/** The stack pointer is the first global. */
const STACK_POINTER = 0;

/** WebAssembly Core Specification, binary format. */
const OP = {
  end: 0x0b,
  call: 0x10,
  localGet: 0x20,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Const: 0x41,
  i32Add: 0x6a,
  i32Sub: 0x6b,
} as const;
const NO_LOCALS = 0;
/** As a signed number. */
const FRAME = [0x80, FRAME_SIZE >> 7];

/**
 * Jumps out of such a function leave the stack pointer to whoever catches them (engine/jumps.ts).
 * @param imported - how many functions the module imports
 * @returns the numbers of those functions, and the numbers that they have now: their own have those that take the frames
 */
export const giveStackFrames = (module: WasmModule, imported: number): ReadonlyMap<number, number> => {
  const check = module.exportedFunctions().get('check_stack_depth');
  if (check === undefined) throw new Error('the module does not look how deep its stack is');
  const call = Buffer.from([OP.call, ...unsigned(check)]);
  const types = module.declaredTypes();
  const parameters = parameterCounts(module);
  const bodies = readBodies(module);
  const moved: { type: number; body: Uint8Array }[] = [];
  const numbers = new Map<number, number>();
  // What looks like a call may be a part of a number, which does no harm.
  for (const [index, body] of bodies.entries()) {
    if (!Buffer.from(body).includes(call)) continue;
    const type = types[index]!;
    const number = imported + bodies.length + moved.length;
    bodies[index] = frameAround(number, parameters[type]!);
    numbers.set(imported + index, number);
    moved.push({ type, body });
  }
  module.append(SECTION.function, ...moved.map(({ type }) => unsigned(type)));
  const all = [...bodies, ...moved.map(({ body }) => body)];
  module.replace(SECTION.code, {
    count: all.length,
    items: Buffer.concat(all.flatMap((body) => [Uint8Array.from(unsigned(body.length)), body])),
  });
  return numbers;
};

/** Takes a frame, calls, and gives it back; the result stays where it is. */
const frameAround = (target: number, parameters: number): Uint8Array => {
  const move = (operation: number): number[] => [
    OP.globalGet,
    STACK_POINTER,
    OP.i32Const,
    ...FRAME,
    operation,
    OP.globalSet,
    STACK_POINTER,
  ];
  const values = Array.from({ length: parameters }, (_, index) => [OP.localGet, ...unsigned(index)]).flat();
  const call = [OP.call, ...unsigned(target)];
  return Uint8Array.from([NO_LOCALS, ...move(OP.i32Sub), ...values, ...call, ...move(OP.i32Add), OP.end]);
};

const readBodies = (module: WasmModule): Uint8Array[] => {
  const { count, items } = module.vector(SECTION.code);
  const cursor = { at: 0 };
  return Array.from({ length: count }, () => {
    const size = readUnsigned(items, cursor);
    cursor.at += size;
    return items.subarray(cursor.at - size, cursor.at);
  });
};

/** How many parameters the functions of each type have. */
const parameterCounts = (module: WasmModule): number[] => {
  const { count, items } = module.vector(SECTION.type);
  const cursor: Cursor = { at: 0 };
  return Array.from({ length: count }, () => {
    // Its form, then both of its lists: every type of this module is a function of numbers.
    cursor.at += 1;
    const parameters = readUnsigned(items, cursor);
    cursor.at += parameters;
    const results = readUnsigned(items, cursor);
    cursor.at += results;
    return parameters;
  });
};
