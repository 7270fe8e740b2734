/** What the functions of every ABI work on. */
import type { EngineServices } from './driver.ts';
import type { FdTable } from './fd-table.ts';
import type { GuestMemory } from './guest-memory.ts';

export interface GuestContext {
  readonly memory: GuestMemory;
  readonly fds: FdTable;
  /** The guest's variables. */
  readonly env: Readonly<Record<string, string>>;
  readonly services: EngineServices;
}

/**
 * Functions a module can import, by name. Numbers arrive unsigned (32 bit) or as bigint (64 bit, signed);
 * the result is a WASI errno, 0 for success.
 */
export type HostFunctions = Readonly<Record<string, (...args: never[]) => number>>;
