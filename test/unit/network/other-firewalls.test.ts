import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ExposedPort, findObstacles, type Rulesets } from '../../../src/network/other-firewalls.ts';

/**
 * Listings of firewalls as Debian 12 installs them, recorded in a network namespace: ufw and firewalld with
 * ports 22 and 9000 to 9010 open, Docker as it starts where routing was off.
 */
const recorded = (name: string): string => readFileSync(new URL(`rulesets/${name}`, import.meta.url), 'utf8');

const PREFIX = 'wasmrun';
const obstaclesTo = (rulesets: Rulesets, ...ports: ExposedPort[]) =>
  findObstacles(rulesets, { ports, prefix: PREFIX });
const tcp = (hostPort: number): ExposedPort => ({ protocol: 'tcp', hostPort });
const udp = (hostPort: number): ExposedPort => ({ protocol: 'udp', hostPort });
const inTheWay = (rulesets: Rulesets, ...ports: number[]) => obstaclesTo(rulesets, ...ports.map(tcp));

describe.each<[string, Rulesets]>([
  ['iptables-save', { iptables: { iptables: recorded('ufw.iptables-save') } }],
  ['nft', { nft: recorded('ufw.nft-json'), iptables: {} }],
  ['both', { nft: recorded('ufw.nft-json'), iptables: { iptables: recorded('ufw.iptables-save') } }],
])('ufw, as %s lists it', (_, rulesets) => {
  it('lets nobody reach a port without a rule', () => {
    expect(inTheWay(rulesets, 8080)).toContainEqual({
      firewall: 'ufw',
      blocks: 'input',
      sentence: 'ufw lets no other machine reach host port 8080; to open it: ufw allow 8080/tcp',
      fix: 'ufw allow 8080/tcp',
    });
  });

  it('is no obstacle to a port that it opens', () => {
    expect(inTheWay(rulesets, 22).filter(({ blocks }) => blocks === 'input')).toEqual([]);
  });

  it('does not open a port for UDP that it opens for TCP', () => {
    expect(obstaclesTo(rulesets, tcp(22), udp(22))).toContainEqual(
      expect.objectContaining({ blocks: 'input', fix: 'ufw allow 22/udp' }),
    );
  });

  it('that lets mDNS in, to its group, does not open the port', () => {
    expect(obstaclesTo(rulesets, udp(5353), tcp(8080), udp(53))).toContainEqual(
      expect.objectContaining({
        blocks: 'input',
        sentence: expect.stringContaining('host ports 5353/udp, 8080, 53/udp; to open them: '),
        fix: 'ufw allow 5353,53/udp && ufw allow 8080/tcp',
      }),
    );
  });

  it('drops what is routed', () => {
    expect(inTheWay(rulesets, 22)).toContainEqual(
      expect.objectContaining({
        firewall: 'ufw',
        blocks: 'forward',
        fix: 'ufw route allow in on wasmrun-v+',
      }),
    );
  });
});

it('ranges of ports are understood', () => {
  for (const rulesets of [
    { iptables: { iptables: recorded('ufw.iptables-save') } },
    { nft: recorded('firewalld.nft-json'), iptables: {} },
  ]) {
    expect(inTheWay(rulesets, 9000, 9010).filter(({ blocks }) => blocks === 'input')).toEqual([]);
    const [obstacle] = inTheWay(rulesets, 8999, 9005, 9011);
    expect(obstacle?.sentence).toContain('host ports 8999, 9011; to open them: ');
  }
});

it('firewalld is recognised, though its policies accept', () => {
  expect(inTheWay({ nft: recorded('firewalld.nft-json'), iptables: {} }, 8080, 8081)).toEqual([
    {
      firewall: 'firewalld',
      blocks: 'input',
      sentence: expect.stringMatching(/^firewalld lets no other machine reach host ports 8080, 8081; /),
      fix: 'firewall-cmd --add-port=8080/tcp --add-port=8081/tcp',
    },
    expect.objectContaining({ firewall: 'firewalld', blocks: 'forward' }),
  ]);
});

it('firewalld opens both protocols at once', () => {
  const rulesets = { nft: recorded('firewalld.nft-json'), iptables: {} };
  expect(obstaclesTo(rulesets, tcp(8080), tcp(22), udp(22))).toContainEqual(
    expect.objectContaining({ fix: 'firewall-cmd --add-port=8080/tcp --add-port=22/udp' }),
  );
});

it.each<[string, Rulesets]>([
  ['iptables-save', { iptables: { iptables: recorded('docker.iptables-save') } }],
  ['nft', { nft: recorded('docker.nft-json'), iptables: {} }],
])('Docker, as %s lists it, is in the way of routed traffic only', (_, rulesets) => {
  expect(inTheWay(rulesets, 8080)).toEqual([
    {
      firewall: 'Docker',
      blocks: 'forward',
      sentence: expect.stringContaining('Docker drops what is routed to and from sandboxes'),
      fix:
        'iptables -I DOCKER-USER -i wasmrun-v+ -j ACCEPT && ' +
        'iptables -I DOCKER-USER -o wasmrun-v+ -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    },
  ]);
});

it('a firewall of the old kind is found by its last rule too', () => {
  const save = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
-A INPUT -p tcp -m multiport --dports 22,443 -j ACCEPT
-A INPUT -p udp -m udp --dport 53 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
COMMIT
`;
  expect(inTheWay({ iptables: { iptables: save } }, 443)).toEqual([]);
  expect(inTheWay({ iptables: { iptables: save } }, 443, 8080)).toEqual([
    expect.objectContaining({
      firewall: 'iptables',
      fix: 'iptables -I INPUT -p tcp -m multiport --dports 8080 -j ACCEPT',
    }),
  ]);
  expect(obstaclesTo({ iptables: { iptables: save } }, tcp(443), udp(53))).toEqual([]);
  expect(obstaclesTo({ iptables: { iptables: save } }, tcp(53), udp(443))).toEqual([
    expect.objectContaining({
      fix:
        'iptables -I INPUT -p tcp -m multiport --dports 53 -j ACCEPT && ' +
        'iptables -I INPUT -p udp -m multiport --dports 443 -j ACCEPT',
    }),
  ]);
});

it('nothing is in the way where there are no rules', () => {
  expect(inTheWay({ iptables: {} }, 8080)).toEqual([]);
  expect(
    inTheWay({ nft: '{"nftables": [{"metainfo": {"version": "1.0.6"}}]}', iptables: { iptables: '' } }, 8080),
  ).toEqual([]);
});
