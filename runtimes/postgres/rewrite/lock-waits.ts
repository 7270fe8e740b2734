/**
 * Lets those wait who want a light-weight lock that another one holds while it waits itself: with `commit_delay` set, whoever
 * commits sleeps with one. A process sleeps on its semaphore until the lock's owner raises that (src/backend/storage/lmgr/
 * lwlock.c, xlog.c, procarray.c, clog.c); this build has no semaphores, and a loop that asks again and again, on the only
 * thread that there is. It waits for a time now before it asks again.
 */
import { unsigned } from '../../../src/wasm/leb128.ts';
import { SECTION } from '../../../src/wasm/wasm-module.ts';
import type { WasmModule } from '../../../src/wasm/wasm-module.ts';
import type { ModuleNumbers } from './preemption.ts';

/** How long, in ms: it is rare, and the others do something meanwhile. */
const PATIENCE_MS = 1;

/** WebAssembly Core Specification, binary format. */
const OP = { nop: 0x01, end: 0x0b, call: 0x10, drop: 0x1a, constant: 0x41 } as const;
const NO_LOCALS = 0;

/**
 * `loop; local.get PROC; i32.load offset=12; drop`, which is what is left of waiting for `PROC->sem`, and the counting of
 * how often: `local.get N; local.tee OLD; i32.const 1; i32.add; local.set N`. What is undefined may be any number.
 */
const WAIT = [
  [0x03, 0x40, 0x20, undefined, 0x28, 0x02, 0x0c, 0x1a],
  [0x20, undefined, 0x22, undefined, 0x41, 0x01, 0x6a, 0x21, undefined],
].flat();
/** What of that is replaced. */
const [FROM, TO] = [2, 8];
const LOAD = Buffer.from(WAIT.slice(4, TO) as number[]);
/** How many there are in the version that is known. */
const WAITS = 6;

/** @throws {Error} where there are more or less of them */
export const waitForLocks = (module: WasmModule, { imported, wait }: ModuleNumbers): void => {
  const likeIt = module.declaredTypes()[module.exportedFunctions().get('ProcessInterrupts')! - imported]!;
  const values = [0, PATIENCE_MS, 0, 0, 0].flatMap((value) => [OP.constant, value]);
  const body = [NO_LOCALS, ...values, OP.call, ...unsigned(wait), OP.drop, OP.end];
  const call = [OP.call, ...unsigned(imported + module.addFunction(likeIt, body))];
  const { count, items } = module.vector(SECTION.code);
  const code = Buffer.from(items);
  let found = 0;
  for (let at = code.indexOf(LOAD); at >= 0; at = code.indexOf(LOAD, at + 1)) {
    const start = at - 4;
    if (!WAIT.every((byte, index) => byte === undefined || code[start + index] === byte)) continue;
    code.fill(OP.nop, start + FROM, start + TO).set(call, start + FROM);
    found += 1;
  }
  if (found !== WAITS)
    throw new Error(`PostgreSQL waits for semaphores at ${found} places instead of ${WAITS}`);
  module.replace(SECTION.code, { count, items: code });
};
