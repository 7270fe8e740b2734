import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Firewall, type Member, type Redirection } from '../../../src/network/firewall.ts';
import { createNftablesBackend } from '../../../src/network/firewalls/nftables.ts';
import { createMember, FIREWALL_KINDS, nft, openTestFirewall, type TestFirewall } from './test-firewall.ts';
import { createSandbox, expectNothingLeft, linesOf, randomPrefix } from './test-network.ts';

const MINE: Redirection = {
  protocol: 'tcp',
  address: '127.0.0.1',
  hostPort: 8080,
  sandboxAddress: '10.231.0.1',
  processPort: 3000,
};
const OTHER: Redirection = { ...MINE, sandboxAddress: '10.231.0.3' };

/** Another sandbox behind the same wall. */
const neighbour = ({ backend, prefix }: TestFirewall): Firewall => new Firewall(backend, prefix);

describe.each(FIREWALL_KINDS)('the firewall $kind', (kind) => {
  it('works here', async () => {
    expect(await kind.create().probe()).toEqual({ ok: true });
  });

  it('routes 127.0.0.0/8 over the interface of an admitted sandbox and over no other', async () => {
    const others = ['all', 'default', 'lo'].map((name) => `/proc/sys/net/ipv4/conf/${name}/route_localnet`);
    const before = others.map((file) => readFileSync(file, 'utf8'));
    await using lab = await openTestFirewall(kind);
    await using sandbox = await createMember(lab, 0);
    const file = `/proc/sys/net/ipv4/conf/${sandbox.link.veth}/route_localnet`;
    expect(readFileSync(file, 'utf8')).toBe('1\n');
    expect(others.map((other) => readFileSync(other, 'utf8'))).toEqual(before);
  });

  it('admits nothing whose interface is not there', async () => {
    await using lab = await openTestFirewall(kind);
    const before = kind.list(lab.prefix);
    const ghost: Member = { veth: `${lab.prefix}-v9`, sandboxAddress: '10.231.0.9' };
    await expect(lab.firewall.admit(ghost)).rejects.toMatchObject({ code: 'NETWORK_SETUP_FAILED' });
    expect(kind.list(lab.prefix)).toBe(before);
  });

  it('gives a host port to one sandbox only, all ports or none', async () => {
    await using lab = await openTestFirewall(kind);
    await using _ = await lab.firewall.redirect([MINE]);
    const before = kind.list(lab.prefix);
    await expect(neighbour(lab).redirect([{ ...OTHER, hostPort: 8081 }, OTHER])).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('8080'),
    });
    expect(kind.list(lab.prefix)).toBe(before);
  });

  it('redirects TCP and UDP of one port apart from each other', async () => {
    await using lab = await openTestFirewall(kind);
    const udp: Redirection = { ...OTHER, protocol: 'udp' };
    await using _ = await lab.firewall.redirect([MINE]);
    expect(await lab.backend.stands(lab.prefix, { redirections: [udp] })).toBe(false);
    const theirs = await neighbour(lab).redirect([udp]);
    expect(await lab.backend.stands(lab.prefix, { redirections: [MINE, udp] })).toBe(true);
    await expect(lab.firewall.redirect([{ ...MINE, protocol: 'udp' }])).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('8080/udp'),
    });
    await theirs[Symbol.asyncDispose]();
    expect(await lab.backend.stands(lab.prefix, { redirections: [MINE] })).toBe(true);
    expect(await lab.backend.stands(lab.prefix, { redirections: [udp] })).toBe(false);
  });

  it('tells what stands: rules, members, redirections', async () => {
    await using lab = await openTestFirewall(kind);
    await using sandbox = await createMember(lab, 0);
    const { backend, prefix } = lab;
    const elements = { members: [sandbox.link], redirections: [MINE] };
    expect(await backend.stands(prefix, elements)).toBe(false);
    await using _ = await lab.firewall.redirect([MINE]);
    expect(await backend.stands(prefix, elements)).toBe(true);
    expect(await backend.stands(prefix, { redirections: [OTHER] })).toBe(false);
    const shorter = { ...sandbox.link, sandboxAddress: sandbox.link.sandboxAddress.slice(0, -1) };
    expect(await backend.stands(prefix, { members: [shorter] })).toBe(false);
    expect(await backend.stands(randomPrefix(), {})).toBe(false);
  });

  it('is raised again from any ruin, with elements of others as far as they still stand', async () => {
    await using lab = await openTestFirewall(kind);
    await using _first = await createMember(lab, 0);
    await using second = await createMember({ ...lab, firewall: neighbour(lab) }, 1);
    await using _theirs = await neighbour(lab).redirect([{ ...OTHER, hostPort: 8081 }]);
    await using _mine = await lab.firewall.redirect([MINE]);
    const whole = kind.list(lab.prefix).split('\n').toSorted();
    for (const chain of ['guard', 'to_host', 'through_host'] as const) {
      expect(await lab.firewall.stands()).toBe(true);
      kind.flush(lab.prefix, chain);
      expect(await lab.firewall.stands()).toBe(false);
      await lab.firewall.restore([]);
      expect(kind.list(lab.prefix).split('\n').toSorted()).toEqual(whole);
    }
    await lab.backend.remove(lab.prefix);
    expect(await lab.firewall.stands()).toBe(false);
    await lab.firewall.restore([second.link]);
    const restored = kind.list(lab.prefix);
    expect(restored).toContain(second.link.veth);
    expect(restored).toContain('8080');
    expect(restored).not.toContain('8081');
  });

  it('keeps a redirection in mind that comes while the rules are gone', async () => {
    await using lab = await openTestFirewall(kind);
    await lab.backend.remove(lab.prefix);
    await using _ = await lab.firewall.redirect([MINE]);
    expect(await lab.firewall.stands()).toBe(false);
    await lab.firewall.restore([]);
    expect(kind.list(lab.prefix)).toContain('8080');
    expect(await lab.firewall.stands()).toBe(true);
  });

  it('does without elements that are gone already, through a foreign flush of all', async () => {
    await using lab = await openTestFirewall(kind);
    const all = await lab.firewall.redirect([MINE]);
    await using sandbox = createSandbox(lab.prefix, 0);
    const member = await lab.firewall.admit(sandbox.link);
    await lab.backend.remove(lab.prefix);
    await all[Symbol.asyncDispose]();
    await member[Symbol.asyncDispose]();
  });

  it('sweeps the elements of a record, not those of another sandbox on the same port', async () => {
    await using lab = await openTestFirewall(kind);
    const { backend, prefix } = lab;
    const member: Member = { veth: `${prefix}-v0`, sandboxAddress: MINE.sandboxAddress };
    const redirections = [MINE, { ...OTHER, hostPort: 8081 }];
    await backend.raise(prefix, { members: [member], redirections });
    const recorded = { members: [member], redirections: [MINE, { ...MINE, hostPort: 8081 }] };
    for (const round of [1, 2]) {
      await backend.release(prefix, recorded);
      const listing = kind.list(prefix);
      expect(listing, `round ${round}`).not.toMatch(/-v0\b|\b8080\b/);
      expect(listing, `round ${round}`).toMatch(/8081.*10\.231\.0\.3/);
    }
    await backend.release(randomPrefix(), recorded);
  });

  it('is raised and removed as a whole, again and again, each rule once', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    const backend = kind.create();
    await backend.raise(prefix);
    const first = kind.list(prefix);
    await backend.raise(prefix);
    expect(kind.list(prefix)).toBe(first);
    await backend.remove(prefix);
    await backend.raise(prefix);
    expect(kind.list(prefix)).toBe(first);
    await backend.remove(prefix);
    await backend.remove(prefix);
  });

  it('neither changes nor removes what a stranger gave the same name', async () => {
    const prefix = randomPrefix();
    using _left = expectNothingLeft(prefix);
    using _ = kind.occupy(prefix);
    const backend = kind.create();
    const before = kind.list(prefix);
    await expect(backend.raise(prefix)).rejects.toMatchObject({
      code: 'NETWORK_SETUP_FAILED',
      message: expect.stringContaining('was not made by wasmrun'),
      hint: expect.stringContaining('namespace_prefix'),
    });
    await backend.remove(prefix);
    expect(kind.list(prefix)).toBe(before);
  });

  it('keeps the elements of running sandboxes when another version replaces the rules', async () => {
    await using lab = await openTestFirewall(kind);
    await using _ = await lab.firewall.redirect([MINE]);
    await using _sandbox = await createMember(lab, 0);
    const whole = kind.list(lab.prefix).split('\n').toSorted();
    // An older version: another marker, and a rule less.
    const [marker = ''] = /[\w-]*ruleset[_-]\w+/.exec(whole.join('\n')) ?? [];
    const older = marker.replace(/\w{8}$/, '00000000');
    if (kind.kind.startsWith('nftables')) nft('rename', 'chain', 'inet', lab.prefix, marker, older);
    else
      for (const table of ['raw', 'nat', 'filter'])
        execFileSync(kind.kind, ['--table', table, '--rename-chain', marker, older]);
    kind.flush(lab.prefix, 'to_host');
    // Its wall is none of the present version's business …
    expect(await lab.firewall.stands()).toBe(true);
    // … until one of the present version starts.
    await neighbour(lab).restore([]);
    expect(kind.list(lab.prefix).split('\n').toSorted()).toEqual(whole);
  });

  it('leaves the rules of others alone', async () => {
    const stranger = randomPrefix();
    nft(`add table inet ${stranger}; add chain inet ${stranger} theirs`);
    for (const variant of ['iptables-nft', 'iptables-legacy'])
      execFileSync(variant, ['-N', `${stranger}-to_host`]);
    try {
      const before = everythingOf(stranger);
      {
        await using lab = await openTestFirewall(kind);
        await using _ = await createMember(lab, 0);
      }
      expect(everythingOf(stranger)).toEqual(before);
    } finally {
      nft('delete', 'table', 'inet', stranger);
      for (const variant of ['iptables-nft', 'iptables-legacy'])
        execFileSync(variant, ['-X', `${stranger}-to_host`]);
    }
  });
});

const everythingOf = (prefix: string): string[] => [
  ...linesOf('nft', 'list', 'table', 'inet', prefix),
  ...['iptables-nft-save', 'iptables-legacy-save'].flatMap((save) =>
    linesOf(save).filter((line) => line.includes(prefix)),
  ),
];

describe('the nftables table', () => {
  it('is made once, with each rule once, however many make it at the same time', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    const [kind] = FIREWALL_KINDS;
    const backend = createNftablesBackend();
    try {
      await backend.raise(prefix);
      const expected = kind?.list(prefix);
      await backend.remove(prefix);
      const { create } = FIREWALL_KINDS[1]!;
      await Promise.all(Array.from({ length: 6 }, () => create().raise(prefix)));
      expect(kind?.list(prefix)).toBe(expected);
    } finally {
      await backend.remove(prefix);
    }
  });

  it('loses a redirection to a foreign delete of one element, and no other', async () => {
    await using lab = await openTestFirewall({ create: createNftablesBackend });
    const both = await lab.firewall.redirect([MINE, { ...MINE, hostPort: 8081 }]);
    nft('delete', 'element', 'inet', lab.prefix, 'forwards', '{ 127.0.0.1 . tcp . 8080 }');
    expect(await lab.firewall.stands()).toBe(false);
    await both[Symbol.asyncDispose]();
    expect(FIREWALL_KINDS[0]?.list(lab.prefix)).not.toContain('tcp . 808');
  });
});
