import { describe, expect, it, test } from 'vitest';
import { printPlan } from '../../src/cli/plan-text.ts';
import type { TransportName } from '../../src/network/transport.ts';
import { findTransport, FIREWALLS, ISOLATIONS, transportsFor } from '../../src/platform.ts';
import type { SandboxDefinition } from '../../src/sandbox/definition.ts';
import { planSandbox, type SandboxPlan } from '../../src/sandbox/plan.ts';

describe('the transports of a platform', () => {
  test.each([
    ['linux', ['nftables', 'iptables', 'handoff']],
    ['darwin', ['handoff', 'pf']],
    ['win32', ['handoff']],
    ['freebsd', ['handoff']],
  ] as const)('%s: %j, the first that works for auto', (platform, names) => {
    expect(transportsFor(platform).map(({ name }) => name)).toEqual(names);
  });

  it('are found by name on any platform, on the present one first', () => {
    const platformOf = (name: TransportName, present: NodeJS.Platform) =>
      findTransport(name, present).platform;
    expect(platformOf('pf', 'linux')).toBe('darwin');
    expect(platformOf('nftables', 'win32')).toBe('linux');
    expect(platformOf('handoff', 'win32')).toBe('win32');
    expect(platformOf('iptables', 'linux')).toBe('linux');
  });
});

const DEFINITION: SandboxDefinition = {
  name: 'web',
  nameIsExplicit: false,
  id: '0123456789ab',
  language: 'wasm',
  app: '/srv',
  isDetached: false,
  prefix: 'wasmrun',
  module: '/srv/web.wasm',
  args: ['web.wasm'],
  env: {},
  directories: [],
  tmpfs: ['/tmp'],
  forwards: [
    { protocol: 'tcp', addresses: ['127.0.0.1', '::1'], hostPort: 18_080, processPort: 3000 },
    { protocol: 'tcp', addresses: ['127.0.0.1'], hostPort: 0, processPort: 3001 },
  ],
  isolation: 'auto',
  transport: 'auto',
  outbound: { mode: 'allow-list', rules: [{ text: 'example.org:443', name: 'example.org', port: 443 }] },
  peers: [{ text: 'db:5432', name: 'db', port: 5432 }],
  addressPools: ['10.231.0.0/16'],
  user: undefined,
};

const planOn = (present: NodeJS.Platform, transport: TransportName | 'auto'): Promise<SandboxPlan> =>
  planSandbox(
    { ...DEFINITION, transport },
    {
      present,
      isolations: ISOLATIONS,
      firewalls: FIREWALLS,
      transports: transportsFor(present),
      wanted: transport === 'auto' ? undefined : findTransport(transport, present),
    },
  );

/** Every text a plan loads. */
const inputsOf = ({ steps }: SandboxPlan): string[] =>
  steps.flatMap(({ commands }) => commands.flatMap(({ input }) => input ?? []));

describe('the plan for another platform', () => {
  test.each(['win32', 'darwin'] as const)('%s has no namespace, no firewall and handoff', async (present) => {
    const plan = await planOn(present, 'auto');
    expect(plan).toMatchObject({
      platform: present,
      isolation: 'virtual',
      transport: 'handoff',
      refusals: [],
    });
    expect(plan).not.toHaveProperty('namespace');
    expect(plan).not.toHaveProperty('firewall');
    expect(plan.interfaces).toEqual([]);
    expect(plan.steps.map(({ step }) => step)).toEqual([
      'ports',
      'engine',
      'transport',
      'go',
      'listening',
      'listening',
      'end',
    ]);
    expect(inputsOf(plan)).toEqual([]);
    expect(plan.obstacles).toMatchObject([{ code: 'UNSUPPORTED_PLATFORM' }]);
  });

  test.each(['linux', 'win32', 'darwin'] as const)('is the same for pf, made on %s', async (present) => {
    const plan = await planOn(present, 'pf');
    expect(plan).toMatchObject({ platform: 'darwin', isolation: 'virtual', transport: 'pf' });
    const commands = plan.steps.flatMap((step) => step.commands).slice(1);
    expect(commands).toEqual([
      { command: ['/sbin/pfctl', '-E'] },
      {
        command: ['/sbin/pfctl', '-a', 'com.apple/wasmrun-web', '-f', '-'],
        input:
          'rdr pass on lo0 inet proto tcp from any to 127.0.0.1 port 18080 -> 127.0.0.1 port 0\n' +
          'rdr pass on lo0 inet proto tcp from any to 127.0.0.1 port 0 -> 127.0.0.1 port 0\n',
      },
      { command: ['/sbin/pfctl', '-a', 'com.apple/wasmrun-web', '-F', 'nat'] },
      { command: ['/sbin/pfctl', '-X', 'TOKEN'] },
    ]);
    expect(plan.undecided.join()).toContain('port 0');
    expect(plan.forwards[0]?.addresses).toEqual([
      { address: '127.0.0.1', transport: 'pf' },
      { address: '::1', transport: 'handoff' },
    ]);
  });

  test.each(['nftables', 'iptables'] as const)('shows the rules of %s on macOS, too', async (transport) => {
    const plan = await planOn('darwin', transport);
    expect(plan).toMatchObject({ platform: 'linux', isolation: 'namespace', firewall: transport, transport });
    expect(plan.interfaces).toEqual([
      { name: 'wasmrun-v0', address: '10.231.0.0/31', place: 'host' },
      { name: 'eth0', address: '10.231.0.1/31', place: 'namespace' },
    ]);
    const texts = inputsOf(plan);
    expect(texts[0]).toContain('wasmrun-v0');
    expect(texts[1]).toMatch(/18080.*10\.231\.0\.1.*3000/);
    expect(plan.obstacles.map(({ code }) => code)).toEqual(['UNSUPPORTED_PLATFORM', 'NO_TRANSPORT']);
  });
});

test.each([
  ['nftables', 'nftables', 'the kernel redirects to it'],
  ['pf', 'relay', 'datagrams are relayed to it'],
  ['handoff', 'relay', 'datagrams are relayed to it'],
] as const)('the plan of a UDP forward with %s: %s', async (transport, carrier, what) => {
  const forwards = [
    { protocol: 'udp', addresses: ['127.0.0.1'], hostPort: 15_353, processPort: 53 },
  ] as const;
  const plan = await planSandbox(
    { ...DEFINITION, transport, forwards },
    {
      present: 'win32',
      isolations: ISOLATIONS,
      firewalls: FIREWALLS,
      transports: [],
      wanted: findTransport(transport, 'win32'),
    },
  );
  expect(plan.forwards).toEqual([
    {
      hostPort: 15_353,
      processPort: 53,
      protocol: 'udp',
      addresses: [{ address: '127.0.0.1', transport: carrier }],
    },
  ]);
  const listening = plan.steps.filter(({ step }) => step === 'listening');
  expect(listening.map((step) => step.what)).toEqual([`when the app binds port 53/udp: ${what}`]);
  expect(printPlan({ ...plan, warnings: [] })).toContain(`127.0.0.1:15353 → 53/udp  ${carrier}`);
});

test('a plan is printed so that it can be read, and its commands pasted', async () => {
  const plan = await planOn('darwin', 'pf');
  const text = printPlan({ ...plan, build: ['make', 'all of it'], warnings: ['mind the gap'] });
  expect(text.split('\n').slice(0, 11)).toEqual([
    'This is what would be done to run web. None of it has been done.',
    '',
    "build       make 'all of it'",
    "isolation   virtual: the app's ports exist inside the engine only, for this platform has no network namespaces",
    'firewall    none',
    'transport   pf',
    'forwards    127.0.0.1:18080 → 3000  pf',
    '            [::1]:18080 → 3000  handoff',
    '            127.0.0.1:any free port → 3001  pf',
    'outbound    allow-list example.org:443',
    'peers       db:5432',
  ]);
  expect(text).toContain(
    [
      "      /sbin/pfctl -a com.apple/wasmrun-web -f - <<'END'",
      'rdr pass on lo0 inet proto tcp from any to 127.0.0.1 port 18080 -> 127.0.0.1 port 0',
      'rdr pass on lo0 inet proto tcp from any to 127.0.0.1 port 0 -> 127.0.0.1 port 0',
      'END',
    ].join('\n'),
  );
  expect(text).toContain('Warnings:\n  - mind the gap');
  expect(text).toMatch(/As things are now, it would fail:\n {2}- wasmrun starts sandboxes on Linux only/);
});
