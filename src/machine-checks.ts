/** What wasmrun is made of and what it finds on this machine: the part of a diagnosis that no probe answers. */
import { readFileSync } from 'node:fs';
import { arch, platform, release } from 'node:os';
import { namespaceSwitches } from './network/user-namespace.ts';
import { mayManageNetworks } from './os/capability.ts';
import { CommandError, runCommand } from './os/command.ts';
import { findProgram } from './os/find-program.ts';
import { packageFile } from './os/package-file.ts';
import { pinnedNode } from './os/pinned-node.ts';

export interface Check {
  readonly kind: 'version' | 'engine' | 'kernel' | 'rights' | 'tool';
  /** What was looked at: a program, a setting of the kernel. */
  readonly name: string;
  /** `broken` keeps wasmrun from running; `missing` keeps it from something that not everybody needs. */
  readonly state: 'ok' | 'missing' | 'broken';
  /** What was found, for people. */
  readonly text: string;
  /** What the user can do about it. */
  readonly hint?: string;
}

/** In the order in which they are read. */
export const checkMachine = async (): Promise<Check[]> => [
  ...checkVersions(),
  await checkEngine(),
  ...checkKernel(),
  ...checkRights(),
  ...checkTools(),
];

interface Manifest {
  readonly version: string;
  /** The pinned Node, by package. */
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

const readManifest = (): Manifest =>
  JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as Manifest;

const checkVersions = (): Check[] => [
  { kind: 'version', name: 'wasmrun', state: 'ok', text: `wasmrun ${readManifest().version}` },
  { kind: 'version', name: 'node', state: 'ok', text: `run by Node ${process.versions.node}` },
];

/** Running it is what tells that it is there, complete, and made for this processor. */
const checkEngine = async (): Promise<Check> => {
  const file = pinnedNode();
  const wanted = readManifest().optionalDependencies[`node-${platform()}-${arch()}`];
  const about = { kind: 'engine', name: 'node' } as const;
  const hint = 'install wasmrun again, with its optional dependencies';
  try {
    const version = (await runCommand(file, ['--version'])).trim().replace(/^v/, '');
    if (version === wanted)
      return { ...about, state: 'ok', text: `Node ${version} for ${platform()}-${arch()}` };
    const text = `Node ${version} (${file}) instead of ${wanted ?? 'a pinned one, which there is not for this machine'}`;
    return { ...about, state: 'missing', text, ...(wanted !== undefined && { hint }) };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { ...about, state: 'broken', text: `it does not start: ${error.message}`, hint };
  }
};

/** The newest system call that is used, close_range(2) or openat2(2) and their like, is of this version. */
const OLDEST_KERNEL = [5, 8] as const;

const checkKernel = (): Check[] => {
  const about = { kind: 'kernel', name: 'linux' } as const;
  if (platform() !== 'linux') {
    const hint = 'run it inside a Linux virtual machine';
    return [{ ...about, state: 'broken', text: `sandboxes need Linux, this is ${platform()}`, hint }];
  }
  const [major = 0, minor = 0] = release()
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  const [oldestMajor, oldestMinor] = OLDEST_KERNEL;
  const isOld = major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
  const old = `Linux ${release()} is older than ${OLDEST_KERNEL.join('.')}`;
  // proc(5): the line is there where the kernel has the filter.
  const hasFilter = /^Seccomp:/m.test(readFileSync('/proc/self/status', 'latin1'));
  return [
    isOld ? { ...about, state: 'broken', text: old } : { ...about, state: 'ok', text: `Linux ${release()}` },
    hasFilter
      ? { kind: 'kernel', name: 'seccomp', state: 'ok', text: 'seccomp' }
      : {
          kind: 'kernel',
          name: 'seccomp',
          state: 'broken',
          text: 'it has no filter of system calls (seccomp)',
        },
  ];
};

/** Settings that forbid user namespaces keep nobody from anything who is root. */
const checkRights = (): Check[] => {
  const isRoot = process.geteuid?.() === 0;
  const may = mayManageNetworks();
  const who: Check = isRoot
    ? {
        kind: 'rights',
        name: 'user',
        state: may ? 'ok' : 'missing',
        text: may ? 'root' : 'root without CAP_NET_ADMIN or CAP_SYS_ADMIN, as in a container',
        ...(!may && { hint: 'give the container these capabilities' }),
      }
    : { kind: 'rights', name: 'user', state: 'ok', text: `user ${process.geteuid?.()}, without root` };
  const settings = namespaceSwitches().map(({ name, value, forbids, remedy }): Check => ({
    kind: 'rights',
    name,
    state: forbids && !may ? 'missing' : 'ok',
    text: `${name}=${value}`,
    ...(forbids && { hint: remedy }),
  }));
  return [who, ...settings];
};

/** Programs that are started, and what of Debian's brings them: a sandbox of root needs none. */
const TOOLS = [
  { program: 'nft', use: 'to see firewalls of others', origin: 'nftables' },
  { program: 'iptables-restore', use: 'by the firewall iptables', origin: 'iptables' },
  { program: 'unshare', use: 'without root', origin: 'util-linux' },
  { program: 'nsenter', use: 'without root', origin: 'util-linux' },
  { program: 'setpriv', use: 'without root', origin: 'util-linux' },
  { program: 'tee', use: 'without root', origin: 'coreutils' },
  { program: 'ip', use: 'without root', origin: 'iproute2' },
] as const;

const checkTools = (): Check[] =>
  TOOLS.map(({ program, use, origin }): Check => {
    const about = { kind: 'tool', name: program } as const;
    if (findProgram(program) !== undefined) return { ...about, state: 'ok', text: program };
    const text = `${program} is not installed, which is needed ${use}`;
    return { ...about, state: 'missing', text, hint: `apt-get install ${origin}` };
  });
