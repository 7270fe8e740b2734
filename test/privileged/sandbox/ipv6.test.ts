/** A sandbox has IPv6 on its own loopback and nowhere else, whatever is done to the host's interfaces. */
import { expect, test } from 'vitest';
import { createNamespace } from '../../../src/network/namespace.ts';
import { eventually, newPrefix, remains, startCli, type CliRun } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { enterNamespace, linesOf, probeFromInside, startEchoServer } from '../network/test-network.ts';

const PORT = 7000;

const addresses = (device: string): string[] =>
  linesOf('ip', '-6', '-o', 'address', 'show', 'dev', device).map((line) => line.split(/\s+/)[3] ?? '');

const stop = async (run: CliRun): Promise<void> => {
  run.process.kill('SIGTERM');
  expect((await run.ended).status).toBe(143);
};

test.each(['nftables', 'iptables', 'handoff'])('with %s', async (transport) => {
  const prefix = newPrefix();
  {
    await using host = createNamespace(`${prefix}-host`);
    await using _service = await startEchoServer(host, { host: '::', port: PORT });
    const start = (name: string): CliRun =>
      host.run(() =>
        startCli(
          ['os', guestPath('hello-wasmedge'), '--name', name, '--forward', '3000', '--transport', transport],
          { prefix },
        ),
      );
    await using one = start('one');
    await one.url();
    await using two = start('two');
    await two.url();
    const veths = host
      .run(() => linesOf('ls', '/proc/sys/net/ipv6/conf'))
      .filter((name) => name.includes('-v'));
    expect(veths).toHaveLength(2);
    const expectNoAddressInside = (): void => {
      for (const name of ['one', 'two']) {
        const inside = enterNamespace(`${prefix}-${name}`);
        expect(inside.run(() => addresses('lo'))).toEqual(['::1/128']);
        expect(inside.run(() => addresses('eth0'))).toEqual([]);
        expect(inside.run(() => linesOf('ip', '-6', 'route', 'show', 'table', 'all', 'dev', 'eth0'))).toEqual(
          [],
        );
      }
    };
    expectNoAddressInside();
    for (const veth of veths) expect(host.run(() => addresses(veth))).toEqual([]);

    // What people do to have IPv6 switches it on for every interface there is.
    host.run(() =>
      linesOf('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.all.disable_ipv6=0'),
    );
    const linkLocal = (): string[] => host.run(() => veths.flatMap(addresses));
    expect(await eventually(() => linkLocal().length === veths.length)).toBe(true);
    expectNoAddressInside();
    const inside = enterNamespace(`${prefix}-one`);
    const targets = [...linkLocal().map((address) => `${address.replace(/\/.*/, '')}%eth0`), 'ff02::1%eth0'];
    for (const target of targets)
      expect(['EADDRNOTAVAIL', 'ENETUNREACH', 'EHOSTUNREACH', 'EINVAL'], target).toContain(
        (await probeFromInside(inside, { host: target, port: PORT })).outcome,
      );
    // Its own ::1, where nobody listens, and not the host's, where somebody does.
    expect((await probeFromInside(host, { host: '::1', port: PORT })).outcome).toBe('connected');
    expect((await probeFromInside(inside, { host: '::1', port: PORT })).outcome).toBe('ECONNREFUSED');
    await stop(two);
    await stop(one);
  }
  expect(remains(prefix)).toEqual([]);
});
