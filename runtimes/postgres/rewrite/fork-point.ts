/**
 * Tells the engine where a postmaster would fork. PostgresSingleUserMain() (src/backend/tcop/postgres.c) makes the shared
 * memory, then becomes a process by InitProcess() and goes on as a session by PostgresMain(), from which nothing comes back.
 * Between them the engine copies all that the process has (engine/backend-image.ts). Who begins with such a copy calls the
 * functions after that point itself, so they are exported here.
 */
import { unsigned } from '../../../src/wasm/leb128.ts';
import type { WasmModule } from '../../../src/wasm/wasm-module.ts';

/** Numbers of functions in the version that is known, none of which it exports. */
const FUNCTIONS = {
  /** src/backend/storage/lmgr/proc.c */
  InitProcess: 5693,
  /** src/backend/tcop/postgres.c */
  PostgresMain: 5829,
  /** src/backend/postmaster/postmaster.c: what a process has of its own, random numbers above all. */
  InitProcessGlobals: 4584,
} as const;

/** WebAssembly Core Specification, binary format. */
const OP = { end: 0x0b, call: 0x10, drop: 0x1a, localGet: 0x20, i32Const: 0x41 } as const;
const NO_LOCALS = 0;

export interface ForkNumbers {
  /** How many functions are imported. */
  readonly imported: number;
  /** Number of the import that is called there, with three numbers that mean nothing. */
  readonly tell: number;
}

/** @throws {Error} where the module does not start as the version that is known */
export const tellWhereToFork = (module: WasmModule, { imported, tell }: ForkNumbers): void => {
  const exported = module.exportedFunctions();
  const likeIt = module.declaredTypes()[exported.get('ProcessInterrupts')! - imported]!;
  const call = (number: number): number[] => [OP.call, ...unsigned(number)];
  const nothing = Array.from({ length: 3 }, () => [OP.i32Const, 0]).flat();
  const body = [NO_LOCALS, ...nothing, ...call(tell), OP.drop, ...call(FUNCTIONS.InitProcess), OP.end];
  const told = imported + module.addFunction(likeIt, body);
  const then = [OP.localGet, 1, OP.localGet, 3, ...call(FUNCTIONS.PostgresMain)];
  const from = Buffer.from([...call(FUNCTIONS.InitProcess), ...then]);
  const to = Buffer.from([...call(told), ...then]);
  const change = (main: Uint8Array): Uint8Array => {
    const changed = Buffer.from(main);
    const at = changed.indexOf(from);
    if (at < 0 || from.length !== to.length) throw new Error('PostgreSQL does not start as expected');
    to.copy(changed, at);
    return changed;
  };
  module.changeBodies(new Map([[exported.get('__main_argc_argv')! - imported, change]]));
  module.exportFunctions(FUNCTIONS);
};
