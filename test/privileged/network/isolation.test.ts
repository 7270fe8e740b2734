import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMember, openTestFirewall, WALLS } from './test-firewall.ts';
import {
  converse,
  createSandbox,
  linesOf,
  probeFromInside,
  runInside,
  startEchoServer,
  startHostService,
} from './test-network.ts';

/** "Refused" must not mean "after a while": no retransmission (1 s) may happen. */
const AT_ONCE_MS = 900;

describe.each(WALLS)('a program in a sandbox behind $kind', (kind) => {
  it('is refused by the host at every address of the host, at once', async () => {
    await using lab = await openTestFirewall(kind);
    await using sandbox = await createMember(lab, 0);
    await using service = await startHostService('0.0.0.0');
    const target = { host: sandbox.link.hostAddress, port: service.port };
    const tcp = await probeFromInside(sandbox.namespace, target);
    expect(tcp.outcome).toBe('ECONNREFUSED');
    expect(tcp.ms).toBeLessThan(AT_ONCE_MS);
    const udp = await probeFromInside(sandbox.namespace, { ...target, protocol: 'udp' });
    expect(udp.outcome).toBe('EHOSTUNREACH');
    expect(udp.ms).toBeLessThan(AT_ONCE_MS);
  });

  it('would reach the host without the firewall: the refusal is ours', async () => {
    await using lab = await openTestFirewall(kind);
    await using sandbox = await createMember(lab, 0);
    await using service = await startHostService('0.0.0.0');
    kind.flush(lab.prefix, 'to_host');
    const { outcome } = await probeFromInside(sandbox.namespace, {
      host: sandbox.link.hostAddress,
      port: service.port,
    });
    expect(outcome).toBe('connected');
  });

  it('with root in its namespace cannot reach loopback services of the host over the veth', async () => {
    await using lab = await openTestFirewall(kind);
    await using sandbox = await createMember(lab, 0);
    await using service = await startHostService('127.0.0.1');
    const { namespace, link } = sandbox;
    // The class of CVE-2020-8558: send packets to 127.0.0.1 out of the interface.
    runInside(namespace, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
    runInside(namespace, 'ip', 'address', 'delete', '127.0.0.1/8', 'dev', 'lo');
    runInside(namespace, 'ip', 'rule', 'add', 'pref', '0', 'to', '127.0.0.1', 'lookup', '100');
    runInside(
      namespace,
      'ip',
      'route',
      'add',
      '127.0.0.1',
      'via',
      link.hostAddress,
      'dev',
      'eth0',
      'table',
      '100',
    );
    const attack = { host: '127.0.0.1', port: service.port, localAddress: link.sandboxAddress };
    expect((await probeFromInside(namespace, attack)).outcome).toBe('no answer');
    kind.flush(lab.prefix, 'guard');
    expect((await probeFromInside(namespace, attack)).outcome).toBe('ECONNREFUSED');
    // Without either wall the attack succeeds, so it is a real one.
    kind.flush(lab.prefix, 'to_host');
    expect((await probeFromInside(namespace, attack)).outcome).toBe('connected');
  });

  it('with root in its namespace cannot reach another sandbox, nor be anyone else', async () => {
    await using lab = await openTestFirewall(kind);
    await using first = await createMember(lab, 0);
    await using second = await createMember(lab, 1);
    await using _server = await startEchoServer(second.namespace, { host: '0.0.0.0', port: 3000 });
    const target = { host: second.link.sandboxAddress, port: 3000 };
    expect((await probeFromInside(first.namespace, target)).outcome).toBe('ENETUNREACH');

    // Both roots give themselves a route, and the host would forward.
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const { hostAddress } = one.link;
      runInside(
        one.namespace,
        'ip',
        'route',
        'add',
        other.link.sandboxAddress,
        'via',
        hostAddress,
        'dev',
        'eth0',
      );
      writeFileSync(`/proc/sys/net/ipv4/conf/${one.link.veth}/forwarding`, '1');
    }
    const refused = await probeFromInside(first.namespace, target);
    expect(refused.outcome).toBe('ECONNREFUSED');
    expect(refused.ms).toBeLessThan(AT_ONCE_MS);
    kind.flush(lab.prefix, 'through_host');
    expect((await probeFromInside(first.namespace, target)).outcome).toBe('connected');

    // A source address that is not its own gets nowhere even then.
    runInside(first.namespace, 'ip', 'address', 'add', '203.0.113.9/32', 'dev', 'eth0');
    runInside(
      second.namespace,
      'ip',
      'route',
      'add',
      '203.0.113.9',
      'via',
      second.link.hostAddress,
      'dev',
      'eth0',
    );
    expect((await probeFromInside(first.namespace, { ...target, localAddress: '203.0.113.9' })).outcome).toBe(
      'no answer',
    );
  });

  it('that was not admitted is heard by nobody', async () => {
    await using lab = await openTestFirewall(kind);
    await using sandbox = createSandbox(lab.prefix, 0);
    await using _server = await startEchoServer(sandbox.namespace, { host: '0.0.0.0', port: 3000 });
    await expect(converse(sandbox.link.sandboxAddress, 3000)).rejects.toThrow();
    await using _member = await lab.firewall.admit(sandbox.link);
    using conversation = await converse(sandbox.link.sandboxAddress, 3000);
    expect(conversation.servedAt).toBe(`${sandbox.link.sandboxAddress}:3000`);
  });

  it('with root in its namespace has no way out over IPv6', async () => {
    await using lab = await openTestFirewall(kind);
    await using sandbox = await createMember(lab, 0);
    await using service = await startHostService('::');
    const { namespace, link } = sandbox;
    const net = `fd77:${randomBytes(2).toString('hex')}`;
    // An address of the host for the attack, on an interface of the test's own.
    await using other = createSandbox(lab.prefix, 1);
    const enableIpv6 = (veth: string): void =>
      writeFileSync(`/proc/sys/net/ipv6/conf/${veth}/disable_ipv6`, '0');
    enableIpv6(other.link.veth);
    linesOf('ip', '-6', 'address', 'add', `${net}:2::1/64`, 'dev', other.link.veth, 'nodad');
    const neighbour = readFileSync(`/sys/class/net/${link.veth}/address`, 'utf8').trim();
    namespace.run(() => enableIpv6('eth0'));
    for (const line of [
      `address add ${net}:1::2/64 dev eth0 nodad`,
      `neighbour replace ${net}:1::1 lladdr ${neighbour} dev eth0`,
      `route add ${net}:2::/64 via ${net}:1::1`,
    ]) {
      runInside(namespace, 'ip', '-6', ...line.split(' '));
    }
    const attack = { host: `${net}:2::1`, port: service.port };
    expect(readFileSync(`/proc/sys/net/ipv6/conf/${link.veth}/disable_ipv6`, 'utf8')).toBe('1\n');
    expect((await probeFromInside(namespace, attack)).outcome).toBe('no answer');
    // With IPv6 on its interface, and without the rules, it would get there.
    enableIpv6(link.veth);
    linesOf('ip', '-6', 'address', 'add', `${net}:1::1/64`, 'dev', link.veth, 'nodad');
    kind.flush(lab.prefix, 'guard');
    kind.flush(lab.prefix, 'to_host');
    // The host's own link-local address is not in use at once (RFC 4862 section 5.4).
    let outcome = 'no answer';
    for (let attempt = 1; outcome === 'no answer' && attempt <= 4; attempt += 1)
      ({ outcome } = await probeFromInside(namespace, attack));
    expect(outcome).toBe('connected');
  });
});
