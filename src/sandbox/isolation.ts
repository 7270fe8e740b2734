/**
 * How a sandbox is kept apart from the host's network: one small seam, an implementation each in isolations/.
 * What a sandbox is made of beyond that (held ports, the engine, forwards) is the same for all.
 */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { WasmrunError } from '../errors.ts';
import type { IsolationName } from '../network/names.ts';
import type { Link, NamespaceIdentity } from '../network/namespace.ts';
import type { Transport, TransportName } from '../network/transport.ts';
import type { AppUser } from '../os/app-user.ts';
import type { ProbeResult } from '../os/probe.ts';
import type { EnclosureRecord, SandboxRecord } from './record.ts';

/** For whom an enclosure is planned. */
export interface PlanRequest {
  /** Name of the sandbox. */
  readonly name: string;
  /** Prefix of all kernel objects' names. */
  readonly prefix: string;
  readonly addressPools: readonly string[];
  /** Whose rights the engine gets; absent when the caller is unprivileged. */
  readonly user: AppUser | undefined;
  /** The sandboxes that run already. */
  readonly living: readonly SandboxRecord[];
}

/** An enclosure that does not exist yet. */
export interface Plan {
  /** What will be its own: to be written down before it is made. */
  readonly record: EnclosureRecord;
  /**
   * Makes it. Call under the lock, once the record is written.
   * @throws {WasmrunError}
   */
  open(): Promise<Enclosure>;
}

/** What the engine runs inside; disposing unmakes it. */
export interface Enclosure extends AsyncDisposable {
  /** The user the engine has to become by itself; absent where it starts as that user. */
  readonly engineUser: AppUser | undefined;
  /** The sandbox's link to the host; absent where it has no address of its own. */
  readonly link: Link | undefined;
  /** The engine stands in the host's own network, and keeps the ports of the guest to itself. */
  readonly virtualPorts: boolean;
  /** Starts a program inside, as `spawn` of Node does. */
  spawn(file: string, args: readonly string[], options: SpawnOptions): ChildProcess;
  /**
   * Makes its network ready for the guest; the engine boots meanwhile. Call under the lock.
   * @param toHost - with the link, where there is one: not without a wall on the host's side
   * @throws {WasmrunError}
   */
  connect(toHost: boolean): Promise<void>;
  /** What tells its network namespace from others; absent where it is the host's own. */
  identity(): NamespaceIdentity | undefined;
}

export interface Isolation {
  readonly name: IsolationName;
  /** Has a sandbox an address of its own that the kernel can redirect to? */
  readonly hasLink: boolean;
  /** Does `auto` choose it here, where it chose none before it? */
  suits(): boolean;
  /** Can it be used here? Leaves nothing behind. */
  probe(): Promise<ProbeResult>;
  /**
   * Chooses names and addresses among the living; makes nothing. Call under the lock.
   * @throws {WasmrunError} NAME_IN_USE, ADDRESS_POOL_EXHAUSTED
   */
  plan(request: PlanRequest): Plan;
}

/**
 * The wanted isolation, or the first that suits.
 * @throws {WasmrunError} UNSUPPORTED_PLATFORM where this platform has none of that name
 */
export const selectIsolation = (
  isolations: readonly Isolation[],
  wanted: IsolationName | 'auto',
): Isolation => {
  const found = isolations.find((isolation) =>
    wanted === 'auto' ? isolation.suits() : isolation.name === wanted,
  );
  if (found !== undefined) return found;
  throw new WasmrunError('UNSUPPORTED_PLATFORM', `there is no isolation ${wanted} on ${process.platform}`, {
    hint: `choose one of ${isolations.map(({ name }) => name).join(', ')}`,
  });
};

/**
 * The transports that can carry forwards into a sandbox of this isolation.
 * @throws {WasmrunError} NO_TRANSPORT where the wanted one is none of them
 */
export const transportsInto = (
  { name, hasLink }: Isolation,
  transports: readonly Transport[],
  wanted: TransportName | 'auto',
): readonly Transport[] => {
  if (hasLink) return transports;
  const usable = transports.filter(({ firewall }) => firewall === undefined);
  if (usable.length === transports.length || wanted === 'auto') return usable;
  if (usable.some((transport) => transport.name === wanted)) return usable;
  throw new WasmrunError(
    'NO_TRANSPORT',
    `the transport ${wanted} does not work with the isolation ${name}: the sandbox has no address that the kernel could redirect to`,
    { hint: 'leave --transport out, or run wasmrun with sudo and without --isolation' },
  );
};
