/**
 * The sandbox's network: a namespace with a name and, as its only way out, a veth pair to the host.
 * There is no default route inside: whatever is not the host end is unreachable at once.
 */
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WasmrunError } from '../errors.ts';
import {
  addAddress,
  createVethPair,
  deleteInterface,
  interfaceIndex,
  setInterfaceUp,
} from '../os/interfaces.ts';
import { bindMount, detachMount, shareMountsBelow } from '../os/mount.ts';
import { inNamespace, inNewNamespace, OWN_NAMESPACE } from '../os/network-namespace.ts';
import type { ProbeResult } from '../os/probe.ts';
import { RouteSocket } from '../os/route-socket.ts';

/** Where iproute2 keeps named namespaces (ip-netns(8)); `ip netns list` lists this directory. */
const DIRECTORY = '/run/netns';
/** One path component that is no option of a command and has no meaning to a shell. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
/** The sandbox's end of the veth pair. */
export const SANDBOX_INTERFACE = 'eth0';
/** The other end of the pair where that does not lead out: an interface of its own kind may be missing. */
const NOWHERE = 'nowhere';
/** Two addresses, both usable: RFC 3021. */
export const LINK_PREFIX_LENGTH = 31;
/**
 * `ETH_MAX_MTU` of linux/if_ether.h: the link is memory, and with packets as long as loopback's it carries
 * about 1.5 times what it does with the 1500 bytes of a wire. Nothing that leaves this machine goes over it.
 */
const LINK_MTU = 65_535;
/** How long an interface may outlive its namespace before it is removed by hand, and how often to look, in ms. */
const INTERFACE_PATIENCE_MS = 100;
const INTERFACE_POLL_MS = 1;

/** What tells one namespace from all others: the file behind it (namespaces(7)). */
export interface NamespaceIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** A named network namespace with `lo` up; disposing takes it away, twice does no harm. */
export interface Namespace extends AsyncDisposable {
  readonly name: string;
  /** The file that stands for it, e.g. `/run/netns/wasmrun-web`. */
  readonly path: string;
  /**
   * Runs a synchronous action with the calling thread inside; a process it spawns starts inside.
   * The process ends (SIGKILL) if the thread cannot return. Start no threads (Worker) in the action: they
   * would stay inside.
   */
  run<T>(action: () => T): T;
  identity(): NamespaceIdentity;
  /**
   * Connects it with the host by a veth pair, up and addressed on both sides, that goes with the namespace.
   * @throws {WasmrunError} PERMISSION_DENIED, NETWORK_SETUP_FAILED naming the step
   */
  connect(link: Link): void;
  /**
   * Gives it its own address on an interface that leads nowhere.
   * @throws {WasmrunError} PERMISSION_DENIED, NETWORK_SETUP_FAILED naming the step
   */
  seclude(sandboxAddress: string): void;
}

/** The two ends of the veth pair and their addresses. */
export interface Link {
  /** Name of the host's end, at most 15 characters. */
  readonly veth: string;
  /** IPv4 addresses of the ends: an even one and the one after it. */
  readonly hostAddress: string;
  readonly sandboxAddress: string;
}

/**
 * Makes a network namespace that `ip netns list` shows. Synchronous: the thread leaves its own
 * namespace for a moment. Inside, ports below 1024 need no privilege.
 * @throws {WasmrunError} NAME_INVALID, NAME_IN_USE, PERMISSION_DENIED, NETWORK_SETUP_FAILED
 */
export const createNamespace = (name: string): Namespace => {
  const path = namespacePath(name);
  attempt(`make ${DIRECTORY}`, () => {
    mkdirSync(DIRECTORY, { recursive: true, mode: 0o755 });
    shareMountsBelow(DIRECTORY);
  });
  claimName(name, path);
  try {
    attempt('make the network namespace', () => inNewNamespace(() => furnish(path)));
    return new NamedNamespace(name, path);
  } catch (error) {
    removeNamespace(name);
    throw error;
  }
};

/**
 * Fails if a namespace of that name exists, whoever made it. To be asked before a name is written down as
 * ours: what a record names, a sweep removes.
 * @throws {WasmrunError} NAME_INVALID, NAME_IN_USE
 */
export const checkNamespaceFree = (name: string): void => {
  if (existsSync(namespacePath(name))) throw nameInUse(name);
};

/** Is there an interface of that name in the calling thread's namespace, whoever made it? */
export const hasInterface = (name: string): boolean => findInterface(name) !== undefined;

const findInterface = (name: string): number | undefined => {
  try {
    return interfaceIndex(name);
  } catch (error) {
    if (codeOf(error) === 'ENODEV') return undefined;
    throw error;
  }
};

/** Can the kernel make what a sandbox's network consists of? Tried in a namespace that ends with the trial. */
export const probeLink = (): ProbeResult => {
  try {
    inNewNamespace(() => {
      using socket = new RouteSocket();
      const peerNamespace = openSync(OWN_NAMESPACE, 'r');
      try {
        createVethPair(socket, { name: 'trial', peerName: 'peer', peerNamespace, mtu: LINK_MTU });
      } finally {
        closeSync(peerNamespace);
      }
    });
    return { ok: true };
  } catch (error) {
    return {
      ok: false,
      reason: `the kernel makes no namespace with a veth pair (${(error as Error).message})`,
    };
  }
};

/**
 * Takes the name of a namespace away; the kernel ends the namespace when its last process does.
 * Idempotent.
 * @throws {WasmrunError} NAME_INVALID, PERMISSION_DENIED, NETWORK_SETUP_FAILED
 */
export const removeNamespace = (name: string): void => {
  const path = namespacePath(name);
  attempt(`remove the network namespace ${name}`, () => {
    detachMount(path);
    rmSync(path, { force: true });
  });
};

/**
 * Removes a veth pair by the name of its host end. One whose namespace is gone is left to the kernel, which
 * takes the interfaces of many namespaces at once and without anybody waiting; by hand each one costs about
 * 20 ms in which this process stands still. Idempotent.
 * @throws {WasmrunError} PERMISSION_DENIED, NETWORK_SETUP_FAILED
 */
export const removeVeth = async (veth: string): Promise<void> => {
  const index = findInterface(veth);
  if (index !== undefined) await removeInterface(index, veth);
};

/** By name and number: either alone may belong to another interface, of this or another namespace. */
const removeInterface = async (index: number, name: string): Promise<void> => {
  const deadline = performance.now() + INTERFACE_PATIENCE_MS;
  while (isListed(index, name) && performance.now() < deadline) await sleep(INTERFACE_POLL_MS);
  // A process in the namespace may keep it alive.
  if (findInterface(name) === index) deleteByIndex(index, name);
};

/** The kernel takes an interface out of its own list first and out of /sys some milliseconds later. */
const isListed = (index: number, name: string): boolean =>
  findInterface(name) === index || existsSync(`/sys/class/net/${name}`);

const deleteByIndex = (index: number, name: string): void => {
  attempt(`remove the interface ${name}`, () => {
    using host = new RouteSocket();
    deleteInterface(host, index);
  });
};

class NamedNamespace implements Namespace {
  readonly name: string;
  readonly path: string;
  /** Host ends by number, with their names. */
  readonly #veths = new Map<number, string>();
  #exists = true;

  constructor(name: string, path: string) {
    this.name = name;
    this.path = path;
  }

  run<T>(action: () => T): T {
    const namespace = openSync(this.path, 'r');
    try {
      return inNamespace(namespace, action);
    } finally {
      closeSync(namespace);
    }
  }

  identity(): NamespaceIdentity {
    const { dev, ino } = statSync(this.path, { bigint: true });
    return { dev, ino };
  }

  connect({ veth, hostAddress, sandboxAddress }: Link): void {
    using host = new RouteSocket();
    attempt(`create the interface ${veth}`, () => this.#createPair(host, veth, SANDBOX_INTERFACE));
    const index = interfaceIndex(veth);
    try {
      attempt(`set up the interface ${veth}`, () => bringUp(host, veth, hostAddress));
      attempt(`set up ${SANDBOX_INTERFACE} inside ${this.name}`, () =>
        this.run(() => {
          using inside = new RouteSocket();
          bringUp(inside, SANDBOX_INTERFACE, sandboxAddress);
        }),
      );
      this.#veths.set(index, veth);
    } catch (error) {
      deleteByIndex(index, veth);
      throw error;
    }
  }

  seclude(sandboxAddress: string): void {
    attempt(`set up ${SANDBOX_INTERFACE} inside ${this.name}`, () =>
      this.run(() => {
        using inside = new RouteSocket();
        this.#createPair(inside, SANDBOX_INTERFACE, NOWHERE);
        setInterfaceUp(inside, interfaceIndex(NOWHERE));
        bringUp(inside, SANDBOX_INTERFACE, sandboxAddress);
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Only once: the name may belong to another namespace afterwards.
    if (!this.#exists) return;
    this.#exists = false;
    removeNamespace(this.name);
    for (const [index, name] of this.#veths) await removeInterface(index, name);
  }

  /** One end where `socket` is, the peer inside. */
  #createPair(socket: RouteSocket, name: string, peerName: string): void {
    const peerNamespace = openSync(this.path, 'r');
    try {
      createVethPair(socket, { name, peerName, peerNamespace, mtu: LINK_MTU });
    } finally {
      closeSync(peerNamespace);
    }
  }
}

/**
 * The file that stands for a namespace.
 * @throws {WasmrunError} NAME_INVALID
 */
export const namespacePath = (name: string): string => {
  if (NAME.test(name)) return `${DIRECTORY}/${name}`;
  throw new WasmrunError('NAME_INVALID', `"${name}" cannot be the name of a network namespace`, {
    hint: 'use letters, digits, ".", "_" and "-"',
  });
};

/** An exclusively created file is the claim; the namespace is mounted over it. */
const claimName = (name: string, path: string): void => {
  try {
    closeSync(openSync(path, 'wx', 0o444));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw describe(`create ${path}`, error);
    throw nameInUse(name, error);
  }
};

const nameInUse = (name: string, cause?: unknown): WasmrunError =>
  new WasmrunError('NAME_IN_USE', `a network namespace named ${name} exists already`, {
    hint: `choose another name with --name, or remove it with \`ip netns delete ${name}\` if nothing uses it`,
    cause,
  });

/** Runs inside the new namespace: names it and prepares what every sandbox needs. */
const furnish = (path: string): void => {
  bindMount(OWN_NAMESPACE, path);
  using inside = new RouteSocket();
  setInterfaceUp(inside, interfaceIndex('lo'));
  writeFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', '0');
};

/** Addresses an interface of the calling thread's namespace, without IPv6 at any moment it is up. */
const bringUp = (socket: RouteSocket, name: string, address: string): void => {
  const index = interfaceIndex(name);
  disableIpv6(name);
  addAddress(socket, index, address, LINK_PREFIX_LENGTH);
  setInterfaceUp(socket, index);
};

/** Else the link-local addresses would be a way around the IPv4 rules. */
const disableIpv6 = (name: string): void => {
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');
  } catch (error) {
    // A kernel without IPv6 has no such file.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
};

/** Does one step; its failure names the step. */
const attempt = (step: string, action: () => void): void => {
  try {
    action();
  } catch (error) {
    throw describe(step, error);
  }
};

const describe = (step: string, error: unknown): WasmrunError => {
  const code = codeOf(error);
  if (code === 'EPERM' || code === 'EACCES') {
    return new WasmrunError('PERMISSION_DENIED', `cannot ${step}: this needs root (CAP_SYS_ADMIN)`, {
      hint: 'run wasmrun with sudo',
      cause: error,
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new WasmrunError('NETWORK_SETUP_FAILED', `cannot ${step}: ${message}`, { cause: error });
};

/** What Node's system errors and `SystemCallError` have in common, e.g. `EEXIST`. */
const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;
