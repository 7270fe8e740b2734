import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  addRedirections,
  type Member,
  openFirewall,
  type Redirection,
  removeElements,
  removeFirewall,
} from '../../../src/network/firewall.ts';
import { createNftRunner } from '../../../src/os/nft.ts';
import { createMember, nft, openTestFirewall } from './test-firewall.ts';
import { createSandbox, expectNothingLeft, linesOf, randomPrefix } from './test-network.ts';

const listTable = (prefix: string): string =>
  execFileSync('nft', ['list', 'table', 'inet', prefix], { encoding: 'utf8' });

describe('admitting a sandbox', () => {
  it('routes 127.0.0.0/8 over its interface and over no other', async () => {
    const others = ['all', 'default', 'lo'].map((name) => `/proc/sys/net/ipv4/conf/${name}/route_localnet`);
    const before = others.map((file) => readFileSync(file, 'utf8'));
    await using lab = await openTestFirewall();
    await using sandbox = await createMember(lab, 0);
    const file = `/proc/sys/net/ipv4/conf/${sandbox.link.veth}/route_localnet`;
    expect(readFileSync(file, 'utf8')).toBe('1\n');
    expect(others.map((other) => readFileSync(other, 'utf8'))).toEqual(before);
  });
});

describe('redirections', () => {
  const mine: Redirection = {
    address: '127.0.0.1',
    hostPort: 8080,
    sandboxAddress: '10.231.0.1',
    processPort: 3000,
  };
  const other: Redirection = { ...mine, sandboxAddress: '10.231.0.3' };

  it('give a host port to one sandbox only, all ports or none', async () => {
    await using lab = await openTestFirewall();
    await using _ = await addRedirections(lab, [mine]);
    await expect(addRedirections(lab, [{ ...other, hostPort: 8081 }, other])).rejects.toThrow(
      expect.objectContaining({ code: 'PORT_IN_USE', message: expect.stringContaining('another sandbox') }),
    );
    const table = listTable(lab.prefix);
    expect(table).toContain('127.0.0.1 . tcp . 8080 : 10.231.0.1 . 3000');
    expect(table).not.toContain('10.231.0.3');
  });

  it('and members may be gone already, through a foreign flush of all or some', async () => {
    await using lab = await openTestFirewall();
    const some = await addRedirections(lab, [mine, { ...mine, hostPort: 8081 }]);
    nft('delete', 'element', 'inet', lab.prefix, 'forwards', '{ 127.0.0.1 . tcp . 8080 }');
    await some[Symbol.asyncDispose]();
    expect(listTable(lab.prefix)).not.toContain('tcp . 808');
    const all = await addRedirections(lab, [mine]);
    await using sandbox = createSandbox(lab.prefix, 0);
    const member = await lab.firewall.admit(sandbox.link);
    nft('delete', 'table', 'inet', lab.prefix);
    await all[Symbol.asyncDispose]();
    await member[Symbol.asyncDispose]();
  });

  it('of a record are swept, those of another sandbox on the same port are not', async () => {
    await using lab = await openTestFirewall();
    await addRedirections(lab, [mine, { ...other, hostPort: 8081 }]);
    const member: Member = { veth: `${lab.prefix}-v0`, sandboxAddress: mine.sandboxAddress };
    nft('add', 'element', 'inet', lab.prefix, 'sandboxes', `{ "${member.veth}" . ${member.sandboxAddress} }`);
    const recorded = { members: [member], redirections: [mine, { ...mine, hostPort: 8081 }] };
    await removeElements(lab, recorded);
    const table = listTable(lab.prefix);
    expect(table).not.toContain(member.veth + '"');
    expect(table).not.toContain('tcp . 8080');
    expect(table).toContain('127.0.0.1 . tcp . 8081 : 10.231.0.3 . 3000');
    await removeElements(lab, recorded);
    await removeElements({ prefix: randomPrefix() }, recorded);
  });
});

describe('the table', () => {
  it('is made once, with each rule once, however many make it at the same time', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    const expected = await listAfter(prefix, () => openFirewall({ prefix }));
    const nft = createNftRunner('libabsent.so.1');
    const again = await listAfter(prefix, () =>
      Promise.all(Array.from({ length: 6 }, () => openFirewall({ prefix, nft }))),
    );
    expect(again).toBe(expected);
  });

  it('keeps the elements of running sandboxes when another version replaces the rules', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    const fresh = await listAfter(prefix, () => openFirewall({ prefix }));
    const upgraded = await listAfter(prefix, async () => {
      const old = fresh.replace(/ruleset_\w+/, 'ruleset_old');
      execFileSync('nft', ['-f', '-'], { input: old.replace('chain guard', 'chain former_guard') });
      await addRedirections({ prefix }, [
        { address: '127.0.0.1', hostPort: 8080, sandboxAddress: '10.231.0.1', processPort: 3000 },
      ]);
      await openFirewall({ prefix });
    });
    expect(upgraded).toContain('127.0.0.1 . tcp . 8080 : 10.231.0.1 . 3000');
    expect(upgraded.match(/^\tchain \w+/gm)).toEqual(fresh.match(/^\tchain \w+/gm));
  });

  it('of a stranger is neither changed nor removed', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    execFileSync('nft', ['-f', '-'], { input: `table inet ${prefix} { chain theirs { }\n}\n` });
    try {
      const before = listTable(prefix);
      const notOurs = expect.objectContaining({
        message: expect.stringContaining('was not made by wasmrun'),
      });
      await expect(openFirewall({ prefix })).rejects.toThrow(notOurs);
      await removeFirewall({ prefix });
      expect(listTable(prefix)).toBe(before);
    } finally {
      nft('delete', 'table', 'inet', prefix);
    }
  });

  it('that is not there is removed without complaint', async () => {
    await removeFirewall({ prefix: randomPrefix() });
  });

  it('leaves the tables of others alone', async () => {
    const stranger = randomPrefix();
    nft('add', 'table', 'inet', stranger);
    try {
      const before = linesOf('nft', 'list', 'tables').filter((line) => line.includes(stranger));
      {
        await using _ = await openTestFirewall();
      }
      expect(linesOf('nft', 'list', 'tables').filter((line) => line.includes(stranger))).toEqual(before);
    } finally {
      nft('delete', 'table', 'inet', stranger);
    }
  });
});

/** The table as `make` leaves it, without it staying. */
const listAfter = async (prefix: string, make: () => Promise<unknown>): Promise<string> => {
  try {
    await make();
    return listTable(prefix);
  } finally {
    await removeFirewall({ prefix });
  }
};
