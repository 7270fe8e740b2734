/** What the functions of every ABI work on. */
import type { Broker } from './broker.ts';
import type { Control } from './control.ts';
import type { DatagramPorts } from './datagram-ports.ts';
import type { FdTable } from './fd-table.ts';
import type { GuestMemory } from './guest-memory.ts';
import type { ListenerFactory } from './listeners.ts';
import type { Poller } from './poll.ts';

export interface GuestContext {
  readonly memory: GuestMemory;
  readonly fds: FdTable;
  readonly poller: Poller;
  readonly control: Control;
  readonly listeners: ListenerFactory;
  readonly broker: Broker;
  readonly datagrams: DatagramPorts;
  /** `argv`, the program's name first. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Functions a module can import, by name. Numbers arrive unsigned (32 bit) or as bigint (64 bit, signed);
 * the result is a WASI errno, 0 for success.
 */
export type HostFunctions = Readonly<Record<string, (...args: never[]) => number>>;
