/** The text of the unit that `wasmrun service install` writes: systemd.unit(5), systemd.exec(5). */
import { DEFAULT_PREFIX } from './network/names.ts';
import { type SystemdScope, unitWord } from './os/systemd.ts';

/** By its first line a unit is known to be ours to change. */
export const UNIT_MARK = '# Written by wasmrun service install.';

export interface UnitRequest {
  readonly scope: SystemdScope;
  /** Prefix of the sandboxes' kernel objects. */
  readonly prefix: string;
  /** What wasmrun is called by: absolute paths. */
  readonly command: readonly string[];
  /** What it needs to find the sandboxes that who installs it finds. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A prefix of one's own is an installation of its own. */
export const unitName = (prefix: string): string =>
  prefix === DEFAULT_PREFIX ? 'wasmrun.service' : `wasmrun-${prefix}.service`;

/** A line of a unit, and why it is there. */
type Line = readonly [setting: string, ...reason: string[]];

export const renderUnit = (request: UnitRequest): string => {
  const { scope } = request;
  return [
    UNIT_MARK,
    `# Changes belong into a drop-in: systemctl ${scope === 'user' ? '--user ' : ''}edit ${unitName(request.prefix)}`,
    '',
    '[Unit]',
    'Description=Sandboxes of wasmrun that start with the machine',
    'Documentation=man:wasmrun-service(1)',
    ...(scope === 'system' ? lines(AFTER_NETWORK) : []),
    '',
    '[Service]',
    ...lines(life(request)),
    '',
    '# The sandboxes bring their own walls. These keep what supervises them to what it needs. Whatever would give it',
    '# a mount namespace of its own (ProtectSystem=, PrivateTmp= and their like) is left out: network namespaces',
    '# have their names by mounts below /run/netns, which all of the machine is to see. MemoryDenyWriteExecute= is',
    '# left out because the engine compiles.',
    '',
    ...(scope === 'system' ? lines(OF_ROOT) : []),
    ...lines(WALLS),
    '',
    '[Install]',
    `WantedBy=${scope === 'system' ? 'multi-user.target' : 'default.target'}`,
    '',
  ].join('\n');
};

const lines = (wanted: readonly Line[]): string[] =>
  wanted.flatMap(([setting, ...reason]) => [...reason.map((line) => `# ${line}`), setting]);

const AFTER_NETWORK: readonly Line[] = [
  ['Wants=network-online.target'],
  [
    'After=network-online.target nftables.service firewalld.service ufw.service',
    'Forwards may need addresses of the machine; and some firewalls begin by removing all rules they find.',
  ],
];

const life = ({ command, environment }: UnitRequest): Line[] => {
  const wasmrun = command.map(unitWord).join(' ');
  return [
    ['Type=oneshot', 'It has started when its sandboxes have; their supervisors stay in its control group.'],
    ['RemainAfterExit=yes'],
    [`ExecStart=${wasmrun} start --all`],
    [`ExecStop=${wasmrun} stop --all`],
    ...Object.entries(environment).map(([name, value]): Line => [
      `Environment=${unitWord(`${name}=${value}`)}`,
    ]),
    ['OOMPolicy=continue', 'One sandbox that runs out of memory is not the end of all.'],
    ['TasksMax=infinity', 'Each has a supervisor and an engine of about a dozen threads.'],
  ];
};

/** Each is there for what is said of it; tests take the service through all of that. */
const CAPABILITIES = {
  'links, firewalls; namespaces and their names': ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'],
  'iptables of the old kind opens a raw socket': ['CAP_NET_RAW'],
  'engines become the user of their app, and give up all the rest': [
    'CAP_SETUID',
    'CAP_SETGID',
    'CAP_SETPCAP',
  ],
  'they are of another user, but have to end': ['CAP_KILL'],
  'their namespace is read in /proc, and who has a host port': ['CAP_SYS_PTRACE'],
  'apps in a home that is closed to others, and their builds': ['CAP_DAC_OVERRIDE'],
  'host ports below 1024': ['CAP_NET_BIND_SERVICE'],
};

/** Of the machine's manager only: others have no such rights to take away. */
const OF_ROOT: readonly Line[] = [
  [
    `CapabilityBoundingSet=${Object.values(CAPABILITIES).flat().join(' ')}`,
    ...Object.entries(CAPABILITIES).map(([reason, names]) => `${names.join(', ')}: ${reason}`),
  ],
  ['DevicePolicy=closed', 'No devices but /dev/null and its like.'],
  ['ProtectHostname=yes', 'The name of the machine stays as it is.'],
];

const WALLS: readonly Line[] = [
  ['NoNewPrivileges=yes', 'No program gains rights by being started, as sudo does.'],
  [
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    "Sockets between processes, of the network, of the kernel's network settings.",
  ],
  ['RestrictNamespaces=net user', 'Network namespaces, and user namespaces for --isolation user-namespace.'],
  ['SystemCallArchitectures=native', 'No system calls of another architecture, such as 32 bits.'],
  [
    'SystemCallFilter=~@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap',
    'None that set the clock, load kernel modules, restart the machine, look into other processes.',
  ],
  ['SystemCallErrorNumber=EPERM', 'They fail, and end nothing.'],
  ['LockPersonality=yes', 'No other execution domain, personality(2).'],
  ['RestrictRealtime=yes', 'Nothing that keeps others from the processors.'],
  ['RestrictSUIDSGID=yes', 'No files that give whoever runs them the rights of their owner.'],
  ['UMask=0022', 'What apps write, others may read but not change.'],
];
