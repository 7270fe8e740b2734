import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findDrops, type ForwardPath } from '../../../src/network/dropped-packets.ts';

const LINK = { veth: 'wr-v0', hostAddress: '10.231.0.0', sandboxAddress: '10.231.0.1' };
const FORWARD = {
  protocol: 'tcp',
  addresses: ['127.0.0.1', '::1'],
  hostPort: 8080,
  processPort: 3000,
} as const;
const REDIRECTED: ForwardPath = { forward: FORWARD, address: '127.0.0.1', link: LINK, prefix: 'wr' };
const ACCEPTED: ForwardPath = { ...REDIRECTED, link: undefined };
const ACCEPTED_V6: ForwardPath = { ...ACCEPTED, address: '::1' };

type Expr = readonly object[];
const chain = (hook: string, options: object = {}): object => ({
  chain: {
    family: 'inet',
    table: 'strange',
    name: hook,
    type: 'filter',
    hook,
    prio: 0,
    policy: 'accept',
    ...options,
  },
});
const rule = (name: string, ...expr: Expr): object => ({
  rule: { family: 'inet', table: 'strange', chain: name, expr },
});
const meta = (key: string, right: unknown, op = '=='): object => ({
  match: { op, left: { meta: { key } }, right },
});
const field = (protocol: string, name: string, right: unknown, op = '=='): object => ({
  match: { op, left: { payload: { protocol, field: name } }, right },
});
const state = (...right: string[]): object => ({
  match: { op: 'in', left: { ct: { key: 'state' } }, right },
});
const ACCEPT = { accept: null };
const DROP = { drop: null };
const listing = (...nftables: object[]): { nft: string; iptables: object } => ({
  nft: JSON.stringify({ nftables }),
  iptables: {},
});
const chainsThatDrop = (path: ForwardPath, ...nftables: object[]): string[] =>
  findDrops(listing(...nftables), path).map(({ chain: name }) => name.split(' ')[1]!);

describe('rules of nftables', () => {
  test.each([
    ['nothing', [], []],
    ['a closed output', [chain('output', { policy: 'drop' })], ['output']],
    [
      'a closed input that lets answers in',
      [chain('input', { policy: 'drop' }), rule('input', state('established'), ACCEPT)],
      [],
    ],
    ['a closed input', [chain('input', { policy: 'drop' })], ['input']],
    [
      'a closed input that lets lo in',
      [chain('input', { policy: 'drop' }), rule('input', meta('iifname', 'lo'), ACCEPT)],
      ['input'],
    ],
    [
      'the port inside',
      [chain('output'), rule('output', field('tcp', 'dport', { set: [22, { range: [2999, 3001] }] }), DROP)],
      ['output'],
    ],
    [
      'the host port, where it is the other one already',
      [chain('output'), rule('output', field('tcp', 'dport', 8080), DROP)],
      [],
    ],
    [
      'the host port before',
      [chain('output', { prio: -150 }), rule('output', field('tcp', 'dport', 8080), DROP)],
      ['output'],
    ],
    ['another protocol', [chain('output'), rule('output', field('udp', 'dport', 3000), DROP)], []],
    [
      'the address',
      [chain('output'), rule('output', field('ip', 'daddr', { prefix: { addr: '10.0.0.0', len: 8 } }), DROP)],
      ['output'],
    ],
    [
      'another address',
      [chain('output'), rule('output', field('ip', 'daddr', '10.231.0.1', '!='), DROP)],
      [],
    ],
    ['IPv6 alone', [chain('output', { family: 'ip6', policy: 'drop' })], []],
    ['an address of IPv6', [chain('output'), rule('output', field('ip6', 'daddr', '::1', '!='), DROP)], []],
    [
      'answers',
      [chain('prerouting'), rule('prerouting', meta('iifname', 'wr-*'), field('tcp', 'sport', 3000), DROP)],
      ['prerouting'],
    ],
    [
      'the interface',
      [chain('postrouting'), rule('postrouting', meta('oifname', 'wr-v0'), { reject: null })],
      ['postrouting'],
    ],
    [
      'by a chain of its own',
      [
        chain('output'),
        rule('output', { jump: { target: 'more' } }),
        rule('more', field('th', 'dport', 3000), { counter: {} }, DROP),
      ],
      ['output'],
    ],
    [
      'by a chain that comes back',
      [
        chain('output'),
        rule('output', { jump: { target: 'more' } }),
        rule('more', { return: null }),
        rule('more', DROP),
      ],
      [],
    ],
    [
      'by a map of verdicts',
      [
        chain('output'),
        rule('output', { vmap: { key: { ct: { key: 'state' } }, data: { set: [['new', DROP]] } } }),
      ],
      ['output'],
    ],
    [
      'after what nobody can tell',
      [chain('output'), rule('output', meta('skuid', 0), ACCEPT), rule('output', DROP)],
      [],
    ],
    ['perhaps', [chain('output'), rule('output', meta('skuid', 0), DROP)], []],
    ['at times', [chain('output'), rule('output', { limit: {} }, DROP)], []],
    ['our own', [chain('output', { table: 'wr', policy: 'drop' })], []],
  ] as [string, object[], string[]][])('that drop %s', (_name, nftables, expected) => {
    expect(chainsThatDrop(REDIRECTED, ...nftables)).toEqual(expected);
  });

  test('of the loopback interface matter where a process of this machine accepts', () => {
    const closed = chain('input', { policy: 'drop' });
    const lo = rule('input', meta('iifname', 'lo'), ACCEPT);
    for (const path of [ACCEPTED, ACCEPTED_V6]) {
      expect(chainsThatDrop(path, closed, lo)).toEqual([]);
      expect(chainsThatDrop(path, closed, rule('input', state('established'), ACCEPT))).toEqual(['input']);
      expect(chainsThatDrop(path, chain('input'), rule('input', field('tcp', 'dport', 8080), DROP))).toEqual([
        'input',
      ]);
    }
  });

  test('are told with the command that lets packets through', () => {
    const [output] = findDrops(listing(chain('output', { policy: 'drop' })), REDIRECTED);
    expect(output).toEqual({
      chain: 'chain output of the nftables table inet strange',
      what: 'what goes to 10.231.0.1 port 3000',
      fix: 'nft insert rule inet strange output ip daddr 10.231.0.1 tcp dport 3000 accept',
    });
    const [input] = findDrops(listing(chain('input', { policy: 'drop' })), REDIRECTED);
    expect(input?.fix).toBe('nft insert rule inet strange input ip saddr 10.231.0.1 tcp sport 3000 accept');
  });
});

const save = (...lines: string[]): { iptables: { iptables: string } } => ({
  iptables: {
    iptables: [
      '*filter',
      ':INPUT ACCEPT [0:0]',
      ':OUTPUT ACCEPT [0:0]',
      ':OWN - [0:0]',
      ...lines,
      'COMMIT',
      '',
    ].join('\n'),
  },
});

describe('rules of iptables', () => {
  test.each([
    [[], false],
    [['-A OUTPUT -d 10.231.0.1/32 -p tcp -m tcp --dport 3000 -j DROP'], true],
    [['-A OUTPUT ! -d 10.231.0.1/32 -p tcp -m tcp --dport 3000 -j DROP'], false],
    [
      [
        '-A OUTPUT -d 10.0.0.0/8 -o wr-v+ -p tcp -m multiport --dports 22,2999:3001 -j REJECT --reject-with tcp-reset',
      ],
      true,
    ],
    [['-A OUTPUT -p udp -m udp --dport 3000 -j DROP'], false],
    [['-A OUTPUT -m owner --uid-owner 0 -j DROP'], false],
    [['-A OUTPUT -m owner --uid-owner 0 -j ACCEPT', '-A OUTPUT -j DROP'], false],
    [['-A OUTPUT -m comment --comment "-j ACCEPT" -j OWN', '-A OWN -j DROP'], true],
    [['-A OUTPUT -j LOG --log-prefix "x -j DROP"', '-A OUTPUT -g OWN', '-A OUTPUT -j DROP'], false],
    [['-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', '-A INPUT -j DROP'], false],
    [['-A INPUT -i lo -j ACCEPT', '-A INPUT -j DROP'], true],
  ] as [string[], boolean][])('%j', (lines, isDropped) => {
    expect(findDrops(save(...lines), REDIRECTED)).toHaveLength(isDropped ? 1 : 0);
    expect(findDrops(save(...lines), ACCEPTED_V6)).toEqual([]);
  });

  test('are told with the command that lets packets through', () => {
    expect(findDrops(save('-A OUTPUT -j DROP'), REDIRECTED)).toEqual([
      {
        chain: 'chain OUTPUT of the iptables table filter',
        what: 'what goes to 10.231.0.1 port 3000',
        fix: 'iptables -t filter -I OUTPUT -d 10.231.0.1 -p tcp --dport 3000 -j ACCEPT',
      },
    ]);
  });
});

test.each(['docker', 'firewalld', 'ufw'])('%s, as it is by default, drops nothing of a forward', (name) => {
  const read = (suffix: string): string | undefined => {
    try {
      return readFileSync(new URL(`rulesets/${name}.${suffix}`, import.meta.url), 'utf8');
    } catch {
      return undefined;
    }
  };
  const saved = read('iptables-save');
  const rulesets = { nft: read('nft-json'), iptables: saved === undefined ? {} : { iptables: saved } };
  for (const path of [REDIRECTED, ACCEPTED, ACCEPTED_V6]) expect(findDrops(rulesets, path)).toEqual([]);
});
