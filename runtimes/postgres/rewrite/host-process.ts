/**
 * Changes PGlite's module where it takes for granted that it is the only process there is. Everything is replaced by as
 * many bytes as there were, but for the sections of table and stack, which become imports.
 */
import { createHash } from 'node:crypto';
import { compileAtOnce } from '../../../src/wasm/compilation-hints.ts';
import { readUnsigned, unsigned } from '../../../src/wasm/leb128.ts';
import { KIND, SECTION, WasmModule } from '../../../src/wasm/wasm-module.ts';
import { enlargeFileBuffers } from './file-buffers.ts';
import { tellWhereToFork } from './fork-point.ts';
import { waitForLocks } from './lock-waits.ts';
import { checksumByVectors } from './page-checksums.ts';
import { yieldWhereInterrupted } from './preemption.ts';
import { giveStackFrames } from './stack-frames.ts';

/** SHA-256 of `pglite.wasm` of @electric-sql/pglite 0.5.14 (PostgreSQL 18.6): what is here fits no other one. */
const MODULE_HASH = '7ec09d5161aabfe03cf6f3999549398a14e23db467d799fbd28004586d362035';

/** Numbers of functions in that version. */
const RAISE = 13_527;
const KILL = 13_476;
const WAIT_EVENT_SET_WAIT = 5574;
const PG_USLEEP = 10_905;
/** Imports that PostgreSQL has no use for, and what arrives there instead: functions of as many numbers. */
const IMPORT = { kill: 129, waitEventSetWait: 68, zeroes: 132, forkPoint: 133 } as const;
const IMPORTED_FUNCTIONS = 135;
/** WebAssembly Core Specification, binary format. */
const NOP = 0x01;
const END = 0x0b;
const I32 = 0x7f;
const MUTABLE = 1;
const OP = { call: 0x10, drop: 0x1a, localGet: 0x20, i32Const: 0x41, i32DivS: 0x6d } as const;
const NO_LOCALS = 0;
/** 1000 as a signed number. */
const THOUSAND = [0xe8, 0x07];

/** Calls an import with the function's own arguments. */
const forward = (count: number, target: number): number[] => [
  NO_LOCALS,
  ...Array.from({ length: count }, (_, index) => [OP.localGet, index]).flat(),
  OP.call,
  ...unsigned(target),
  END,
];

/** Functions of another content. */
const BODIES: ReadonlyMap<number, readonly number[]> = new Map([
  // kill(2) of the C library knows no other process.
  [KILL, forward(2, IMPORT.kill)],
  // src/backend/storage/ipc/waiteventset.c: poll(2) does not wait there.
  [WAIT_EVENT_SET_WAIT, forward(5, IMPORT.waitEventSetWait)],
  // src/port/pgsleep.c would look at the clock until it is time; waiting for no events at all is the same. In µs.
  [
    PG_USLEEP,
    [
      [NO_LOCALS, OP.i32Const, 0, OP.localGet, 0, OP.i32Const, ...THOUSAND, OP.i32DivS],
      [OP.i32Const, 0, OP.i32Const, 0, OP.i32Const, 0],
      [OP.call, ...unsigned(IMPORT.waitEventSetWait), OP.drop, END],
    ].flat(),
  ],
]);

const hex = (bytes: readonly number[]): string => Buffer.from(bytes).toString('hex');

interface Change {
  /** Bytes, in hexadecimal. */
  readonly from: string;
  readonly to: string;
  /** How often that is there. */
  readonly count: number;
}

/** `i32.const 42`: what Emscripten's getpid(2) returns, inlined wherever it is called. */
const GETPID = '412a';
const MY_PROC_PID = '41e8c3af01280200';
const MY_PROC_PID_FIELD = '41cc96ab0128020028022c';

/** What compares a process id with getpid() compares 42 with itself instead: the engine gives out process ids. */
const sameProcess = (read: string, comparison: string, count: number): Change => ({
  from: read + GETPID + comparison,
  to: GETPID + hex([NOP]).repeat(read.length / 2 - 2) + GETPID + comparison,
  count,
});
const EQUAL = '46';
const NOT_EQUAL = '47';
/** Number of memset(3). */
const MEMSET = hex(unsigned(13_379));

const CHANGES: readonly Change[] = [
  // src/backend/main/main.c: MyProcPid stays what the engine has set.
  { from: `41e8c3af01${GETPID}360200`, to: hex([NOP]).repeat(10), count: 1 },
  // src/port/pqsignal.c, wrapper_handler
  sameProcess(MY_PROC_PID, EQUAL, 1),
  // src/backend/storage/ipc/ipc.c, proc_exit_prepare
  sameProcess(MY_PROC_PID, NOT_EQUAL, 1),
  // src/backend/storage/lmgr/proc.c, ProcKill and AuxiliaryProcKill
  sameProcess(MY_PROC_PID_FIELD, EQUAL, 2),
  // pgl_getpwuid(): the name is what the engine has written to USER_NAME (engine/static-variables.ts), 512.
  { from: '200241a8eaa6016a360200', to: '200241808480006a360200', count: 1 },
  // pgl_sendConnData() sends an address as the key that a request to cancel has to bring along: the same one for all. The
  // key is what the engine has written to CANCEL_KEY (engine/static-variables.ts), 576.
  { from: '21014180d6888701360000', to: '210141c004280200360000', count: 1 },
  // mmap(2) of memory of nobody's fills it with zeroes, all shared buffers: the engine has zeroes that nobody has to write.
  { from: `20044100200610${MEMSET}1a`, to: `20044100200610${hex(unsigned(IMPORT.zeroes))}1a`, count: 1 },
];

/**
 * @param bytes - `pglite.wasm`
 * @param needed - numbers of functions in there that a start needs, which are compiled at once
 * @throws {Error} for another version of it
 */
export const separateProcess = (bytes: Uint8Array, needed: ReadonlySet<number>): Uint8Array => {
  const hash = createHash('sha256').update(bytes).digest('hex');
  if (hash !== MODULE_HASH) throw new Error(`this version of pglite.wasm is not known: ${hash}`);
  const module = new WasmModule(CHANGES.reduce(apply, Buffer.from(bytes)));
  module.exportFunctions({ raise: RAISE });
  module.changeBodies(
    new Map([...BODIES].map(([number, body]) => [number - IMPORTED_FUNCTIONS, () => Uint8Array.from(body)])),
  );
  importTable(module);
  importStackPointer(module);
  const numbers = { imported: IMPORTED_FUNCTIONS, wait: IMPORT.waitEventSetWait };
  yieldWhereInterrupted(module, numbers);
  waitForLocks(module, numbers);
  checksumByVectors(module, IMPORTED_FUNCTIONS);
  tellWhereToFork(module, { imported: IMPORTED_FUNCTIONS, tell: IMPORT.forkPoint });
  enlargeFileBuffers(module, IMPORTED_FUNCTIONS);
  const moved = giveStackFrames(module, IMPORTED_FUNCTIONS);
  return compileAtOnce(
    module.bytes(),
    [...needed].flatMap((number) => [number, moved.get(number) ?? number]),
  );
};

const apply = (bytes: Buffer, { from, to, count }: Change): Buffer => {
  const [wanted, replacement] = [Buffer.from(from, 'hex'), Buffer.from(to, 'hex')];
  if (wanted.length !== replacement.length) throw new Error(`${to} is not as long as ${from}`);
  let found = 0;
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
    replacement.copy(bytes, at);
    found += 1;
  }
  if (found !== count) throw new Error(`${from} is there ${found} times instead of ${count}`);
  return bytes;
};

const name = (text: string): number[] => [...unsigned(text.length), ...Buffer.from(text)];

/** The module's only table becomes an import: what catches its jumps (engine/jumps.ts) is there before the module. */
const importTable = (module: WasmModule): void => {
  const { items } = module.vector(SECTION.table);
  module.append(SECTION.import, [...name('env'), ...name('__indirect_function_table'), KIND.table, ...items]);
  module.remove(SECTION.table);
};

/** So does its first global. There is no other import of one, so they all keep their numbers. */
const importStackPointer = (module: WasmModule): void => {
  const { count, items } = module.vector(SECTION.global);
  const end = items.indexOf(END);
  const [type, mutability, , ...value] = items.subarray(0, end);
  if (type !== I32 || mutability !== MUTABLE) throw new Error('the first global is not the stack pointer');
  readUnsigned(Uint8Array.from(value), { at: 0 });
  module.append(SECTION.import, [...name('env'), ...name('__stack_pointer'), KIND.global, I32, MUTABLE]);
  module.replace(SECTION.global, { count: count - 1, items: items.subarray(end + 1) });
};
