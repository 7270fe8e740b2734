/** The network on the way to an app is broken on purpose, and `wasmrun explain` has to name what is. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNamespace } from '../../../src/network/namespace.ts';
import { SocketDiagnosis } from '../../../src/os/socket-diagnosis.ts';
import { newPrefix, remains, startCli } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { addressOf, explain, readExplanation, sh, start, vethOf } from '../../helpers/explanation.ts';
import type { Explained } from '../../helpers/explanation.ts';

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
afterEach(() => {
  expect(remains(prefix)).toEqual([]);
});

describe.each(['nftables', 'iptables'])('rules of %s', (transport) => {
  test('that are taken away are missed, until they are back', async () => {
    await using web = await start(prefix, '--transport', transport);
    const supervisor = web.run.process.pid!;
    // Else they are back too soon.
    process.kill(supervisor, 'SIGSTOP');
    sh(
      transport === 'nftables'
        ? `nft flush map inet ${prefix} forwards`
        : `iptables --table nat --flush ${prefix}-forwards`,
    );
    const unled = await explain(prefix, web.port);
    sh(
      transport === 'nftables'
        ? `nft delete table inet ${prefix}`
        : `iptables --table raw --flush ${prefix}-sandboxes`,
    );
    const open = await explain(prefix, web.port);
    process.kill(supervisor, 'SIGCONT');
    const place = `127.0.0.1:${web.port}`;
    expect(unled.hops['redirection']).toMatchObject({ state: 'broken' });
    expect(unled.hops['redirection']!.sentence).toContain(`${transport} does not redirect ${place}`);
    expect(open.hops['redirection']!.sentence).toBe(
      `rules of ${transport} that isolate the sandbox are missing`,
    );
    // What it says will happen does.
    await web.run.printed(/they are back/);
    expect((await explain(prefix, web.port)).broken).toBeNull();
  });
});

describe('rules of others that drop', () => {
  const table = (): string => `inet ${prefix}x`;
  const nft = (...commands: string[]): Disposable => {
    sh(`nft '${[`add table ${table()}`, ...commands].join('; ')}'`);
    return { [Symbol.dispose]: () => void sh(`nft delete table ${table()}`) };
  };

  const expectMended = async (port: number, { broken, fix }: Explained): Promise<void> => {
    expect(broken).toBe('filters');
    sh(fix!.replace(/^let it through: /, ''));
    expect((await explain(prefix, port)).broken).toBeNull();
  };

  test('connections of a redirected forward', async () => {
    await using web = await start(prefix);
    const inside = addressOf(await explain(prefix, web.port));
    using _ = nft(
      `add chain ${table()} out { type filter hook output priority 10; }`,
      `add rule ${table()} out ip daddr ${inside} tcp dport 3000 counter drop`,
    );
    const seen = await explain(prefix, web.port);
    expect(seen.sentence).toBe(
      `chain out of the nftables table ${table()} drops what goes to ${inside} port 3000`,
    );
    await expectMended(web.port, seen);
  });

  test('answers of a redirected forward', async () => {
    await using web = await start(prefix);
    const before = await explain(prefix, web.port);
    using _ = nft(
      `add chain ${table()} in { type filter hook input priority 10; }`,
      `add rule ${table()} in iifname "${vethOf(before)}" reject`,
    );
    const seen = await explain(prefix, web.port);
    expect(seen.sentence).toContain(
      `chain in of the nftables table ${table()} drops what comes from ${addressOf(before)}`,
    );
    await expectMended(web.port, seen);
  });

  test('the host port of one that is handed over', async () => {
    await using web = await start(prefix, '--transport', 'handoff');
    using _ = nft(
      `add chain ${table()} in { type filter hook input priority 10; }`,
      `add rule ${table()} in ip6 daddr ::1 tcp dport ${web.port} drop`,
    );
    const seen = await explain(prefix, web.port);
    expect(seen.sentence).toContain(`drops what goes to ::1 port ${web.port}`);
    await expectMended(web.port, seen);
  });

  test('by iptables', async () => {
    await using web = await start(prefix);
    const inside = addressOf(await explain(prefix, web.port));
    const rule = `OUTPUT -d ${inside} -p tcp --dport 3000 -m comment --comment ${prefix}`;
    sh(`iptables -A ${rule} -j DROP`);
    const seen = await explain(prefix, web.port);
    sh(`iptables -D ${rule} -j DROP`);
    expect(seen.sentence).toBe(
      `chain OUTPUT of the iptables table filter drops what goes to ${inside} port 3000`,
    );
    expect((await explain(prefix, web.port)).broken).toBeNull();
  });

  test('what comes from other machines, on a host of its own', async () => {
    await using host = createNamespace(`${prefix}-host`);
    const guest = guestPath('echo-wasmedge');
    const open = ['--forward', '3000', '--bind', '0.0.0.0'];
    const command = ['os', guest, '--name', 'web', ...open, '--', '3000'];
    await using run = host.run(() => startCli(command, { prefix }));
    const { port } = new URL(await run.url());
    const ask = async (): Promise<Explained> => {
      const { status, stdout } = await host.run(() =>
        startCli(['explain', 'web', port, '--json'], { prefix }),
      ).ended;
      return readExplanation(status, stdout);
    };
    expect((await ask()).broken).toBeNull();
    host.run(() => nft(`add chain ${table()} in { type filter hook input priority 10; policy drop; }`));
    const seen = await ask();
    expect(seen).toMatchObject({
      broken: 'filters',
      sentence: `the nftables table ${table()} lets no other machine reach host port ${port}`,
    });
    host.run(() => sh(seen.fix!.replace(/^open it: /, '')));
    expect((await ask()).broken).toBeNull();
    run.process.kill('SIGTERM');
    await run.ended;
  });
});

describe('the link', () => {
  const FAULTS: readonly [string, (host: string, inside: string) => string, RegExp][] = [
    ['is down', (host) => `ip link set ${host} down`, /^the interface \S+ is down$/],
    [
      'is down inside',
      () => `ip -n ${prefix}-web link set eth0 down`,
      /^the interface eth0 inside the sandbox is down$/,
    ],
    [
      'has lost its address',
      (host) => `ip address flush dev ${host}`,
      /^the interface \S+ has lost its address [\d.]+$/,
    ],
    [
      'has lost its address inside',
      () => `ip -n ${prefix}-web address flush dev eth0`,
      /^the interface eth0 inside the sandbox has lost its address [\d.]+$/,
    ],
    [
      'takes nothing from 127.0.0.1',
      (host) => `sysctl -qw net.ipv4.conf.${host}.route_localnet=0`,
      /^connections from 127\.0\.0\.1 do not leave by \S+: route_localnet is off$/,
    ],
  ];

  test.each(FAULTS)('%s, and is mended as it is said', async (_name, fault, sentence) => {
    await using web = await start(prefix);
    const well = await explain(prefix, web.port);
    sh(fault(vethOf(well), addressOf(well)));
    const seen = await explain(prefix, web.port);
    expect(seen).toMatchObject({ broken: 'interface', sentence: expect.stringMatching(sentence) });
    sh(seen.fix!);
    expect((await explain(prefix, web.port)).broken).toBeNull();
    const client = connect(web.port, '127.0.0.1');
    client.write('through');
    expect(String((await once(client, 'data'))[0])).toBe('through');
    client.destroy();
  });

  test('is gone', async () => {
    await using web = await start(prefix);
    sh(`ip link delete ${vethOf(await explain(prefix, web.port))}`);
    expect(await explain(prefix, web.port)).toMatchObject({
      broken: 'interface',
      sentence: expect.stringMatching(/^the interface \S+ is gone$/),
    });
  });

  test('has a namespace whose name is gone, or another one’s', async () => {
    await using web = await start(prefix);
    sh(`ip netns delete ${prefix}-web`);
    expect(await explain(prefix, web.port)).toMatchObject({
      broken: 'namespace',
      sentence: `there is no network namespace ${prefix}-web any more`,
    });
    sh(`ip netns add ${prefix}-web`);
    expect(await explain(prefix, web.port)).toMatchObject({
      broken: 'namespace',
      sentence: `${prefix}-web is not the name of the app's network namespace any more`,
    });
  });
});

test('a host port that is nobody’s any more, and somebody else’s then', async () => {
  await using web = await start(prefix);
  using diagnosis = new SocketDiagnosis();
  const held = diagnosis.list({ protocol: 'tcp', localPort: web.port, states: ['listen'] });
  for (const socket of held) expect(diagnosis.destroy(socket)).toBe(true);
  expect(await explain(prefix, web.port)).toMatchObject({
    broken: 'listener',
    sentence: expect.stringContaining(`nobody holds 127.0.0.1:${web.port}`),
  });
  await using stranger = createServer().listen(web.port, '127.0.0.1');
  await once(stranger, 'listening');
  const seen = await explain(prefix, web.port);
  expect(seen.broken).toBe('listener');
  expect(seen.sentence).toContain(`127.0.0.1:${web.port} is held by`);
  expect(seen.sentence).toContain(`(pid ${process.pid})`);
});
