/**
 * A user namespace with a network namespace of its own: what an ordinary user may make. Node has threads, and
 * no process with threads may enter a user namespace (setns(2), EINVAL): so all that happens inside happens
 * in programs of util-linux and what they become.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { WasmrunError } from '../errors.ts';
import type { AppUser } from '../os/app-user.ts';
import { findProgram } from '../os/find-program.ts';
import type { NamespaceIdentity } from './namespace.ts';

/** Ports from this one on need no privilege (ip-sysctl.rst); a setting of each network namespace. */
const FIRST_FREE_PORT = '/proc/sys/net/ipv4/ip_unprivileged_port_start';

/** Disposing lets go of it; the kernel ends it with its last process. */
export interface UserNamespace extends AsyncDisposable {
  /** Starts a program inside as its root: it may change the namespace, and has no right outside. */
  spawnAsRoot(file: string, args: readonly string[], options: SpawnOptions): ChildProcess;
  /** Starts a program inside that has no capability on any thread and can get none. */
  spawnConfined(file: string, args: readonly string[], options: SpawnOptions): ChildProcess;
  /** Of the network namespace. */
  identity(): NamespaceIdentity;
}

/**
 * Makes both namespaces. Inside, ports below 1024 need no privilege; `lo` is down, and the only interface.
 * @param user - whose it is; absent: the caller's own
 * @throws {WasmrunError} PERMISSION_DENIED where that is forbidden, NETWORK_SETUP_FAILED
 */
export const createUserNamespace = async (user: AppUser | undefined): Promise<UserNamespace> => {
  const [unshare, nsenter, setpriv] = (['unshare', 'nsenter', 'setpriv'] as const).map(required);
  const tee = required('tee');
  // A session of its own: Ctrl-C on the terminal is not meant for it.
  const identity = { ...user, cwd: '/', env: {} };
  const holder = spawn(
    unshare!,
    ['--user', '--net', '--map-root-user', '--', tee, '--output-error=exit', FIRST_FREE_PORT],
    { ...identity, detached: true, stdio: 'pipe' },
  );
  const ended = once(holder, 'close');
  let complaint = '';
  holder.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  // It may be gone before it reads.
  holder.stdin.on('error', () => {});
  holder.stdin.write('0\n');
  // It repeats what it was told: then the namespaces stand. It stays, for others to follow it.
  const isReady = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (!isReady) throw refused(complaint.trim());
  const { dev, ino } = statSync(`/proc/${holder.pid}/ns/net`, { bigint: true });
  const enter = [`--target=${holder.pid}`, '--user', '--net', '--preserve-credentials', '--'];
  return {
    spawnAsRoot: (file, args, options) =>
      spawn(nsenter!, [...enter, file, ...args], { ...options, ...identity }),
    spawnConfined: (file, args, options) =>
      spawn(nsenter!, [...enter, setpriv!, ...WITHOUT_RIGHTS, file, ...args], { ...options, ...identity }),
    identity: () => ({ dev, ino }),
    async [Symbol.asyncDispose]() {
      holder.kill('SIGKILL');
      await ended;
    },
  };
};

/** setpriv(1). The bounding set is what root's programs get their capabilities from. */
const WITHOUT_RIGHTS = [
  '--bounding-set=-all',
  '--inh-caps=-all',
  '--ambient-caps=-all',
  '--no-new-privs',
  '--',
];

const required = (program: string): string => {
  const path = findProgram(program);
  if (path !== undefined) return path;
  throw new WasmrunError('NETWORK_SETUP_FAILED', `${program} is not installed; it is needed without root`, {
    hint: 'apt-get install util-linux coreutils, or run wasmrun with sudo',
  });
};

/** Settings that forbid user namespaces: the value that does, and one that does not. */
const SWITCHES = [
  { name: 'user.max_user_namespaces', off: '0', on: '15000' },
  { name: 'user.max_net_namespaces', off: '0', on: '15000' },
  { name: 'kernel.unprivileged_userns_clone', off: '0', on: '1' },
  { name: 'kernel.apparmor_restrict_unprivileged_userns', off: '1', on: '0' },
] as const;

/** Why, as exactly as can be told, and every way out. */
const refused = (complaint: string): WasmrunError => {
  const guilty = namespaceSwitches().find(({ forbids }) => forbids);
  const reason =
    guilty === undefined ? complaint || 'unshare ended' : `the sysctl ${guilty.name} is ${guilty.value}`;
  const permit =
    guilty === undefined
      ? 'let this user make them (in a container, its system call filter refuses them)'
      : `allow them (${guilty.remedy})`;
  return new WasmrunError(
    'PERMISSION_DENIED',
    `without root wasmrun needs user namespaces, and may not make one here: ${reason}`,
    {
      hint:
        `run wasmrun with sudo, or ${permit}. --isolation virtual needs neither, but then the app's process ` +
        "stands in this machine's own network, with nothing but its system call filter around it",
    },
  );
};

/** A setting of the kernel that may forbid user namespaces. */
export interface NamespaceSwitch {
  /** As sysctl(8) has it. */
  readonly name: string;
  readonly value: string;
  readonly forbids: boolean;
  /** The command that allows them. */
  readonly remedy: string;
}

/** Those that this kernel has. */
export const namespaceSwitches = (): NamespaceSwitch[] =>
  SWITCHES.flatMap(({ name, off, on }) => {
    const value = readSwitch(name);
    if (value === undefined) return [];
    return [{ name, value, forbids: value === off, remedy: `sudo sysctl ${name}=${on}` }];
  });

const readSwitch = (name: string): string | undefined => {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim();
  } catch {
    return undefined;
  }
};
