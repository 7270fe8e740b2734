/** Someone else takes the wall down while a sandbox runs: it comes back, and nobody is refused meanwhile. */
import { execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createNamespace } from '../../../src/network/namespace.ts';
import { newPrefix, remains, startCli, type CliRun } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { CLIENTS, startLoad, type LoadResult } from '../../helpers/load.ts';

/** What the product promises. */
const BACK_WITHIN_MS = 2000;
/** A packet that is dropped just before the wall is back is sent again: after 1 s, 2 s more, 4 s more. */
const SLOWEST_MS = 5000;
const HELLO = guestPath('hello-wasmedge');
const WARNING = /warning: someone removed the \w+ rules that isolate the sandbox; they are back/g;

type Inside = <T>(action: () => T) => T;
const onThisHost: Inside = (action) => action();

/** The rules of a prefix, element by element, without the counters. */
const rulesOf = (transport: string, prefix: string): string[] => {
  const [file = '', ...args] = transport === 'nftables' ? ['nft', 'list', 'ruleset'] : ['iptables-save'];
  const lines = execFileSync(file, args, { encoding: 'utf8', stdio: 'pipe' }).split('\n');
  if (transport === 'iptables') return lines.filter((line) => line.includes(prefix)).toSorted();
  const begin = lines.indexOf(`table inet ${prefix} {`);
  return begin < 0 ? [] : lines.slice(begin, lines.indexOf('}', begin) + 1);
};

/** Waits until the rules are what they were; returns how long that took, in ms. */
const untilBack = async (rules: () => string[], before: readonly string[]): Promise<number> => {
  const begin = performance.now();
  while (rules().join('\n') !== before.join('\n')) {
    if (performance.now() - begin > BACK_WITHIN_MS + 1000) expect(rules()).toEqual(before);
    await pause(20);
  }
  return performance.now() - begin;
};

interface Attack {
  readonly transport: 'nftables' | 'iptables';
  readonly what: string;
  readonly commands: (prefix: string) => readonly string[];
}

const run = (command: string): void => {
  const [file = '', ...args] = command.split(' ');
  execFileSync(file, args, { stdio: 'pipe' });
};

interface AttackResult {
  readonly load: LoadResult;
  readonly sandbox: CliRun;
  readonly flushes: number;
}

/** Runs a sandbox under load, attacks it several times, and returns how the requests went. */
const attack = async (
  { transport, commands }: Attack,
  { prefix, inside }: { prefix: string; inside: Inside },
): Promise<AttackResult> => {
  await using sandbox = inside(() =>
    startCli(['os', HELLO, '--forward', '3000', '--transport', transport], { prefix }),
  );
  const url = (await sandbox.url()).replace('localhost', '127.0.0.1');
  const rules = (): string[] => inside(() => rulesOf(transport, prefix));
  const before = rules();
  expect(before.length).toBeGreaterThan(10);
  await using load = startLoad(url, { inside });
  await pause(300);
  for (const command of commands(prefix)) {
    inside(() => run(command));
    expect(rules()).not.toEqual(before);
    expect(await untilBack(rules, before)).toBeLessThan(BACK_WITHIN_MS);
  }
  const result = await load.stop();
  sandbox.process.kill('SIGTERM');
  expect((await sandbox.ended).status).toBe(143);
  return { load: result, sandbox, flushes: commands(prefix).length };
};

/**
 * Nobody is refused. Without its rules the kernel ends translating in the middle of a request too, and begins
 * again when they are back: what is under way at these moments may be lost, whoever connects later is served.
 */
const expectNobodyRefused = ({ counts }: LoadResult, flushes: number): void => {
  const { 200: served, ECONNRESET: resets = 0, timeout: silences = 0, ...others } = counts;
  expect(others).toEqual({});
  expect(served).toBeGreaterThan(50);
  expect(resets + silences).toBeLessThanOrEqual(2 * flushes * CLIENTS);
};

const expectServed = ({ load, sandbox, flushes }: AttackResult): void => {
  expectNobodyRefused(load, flushes);
  expect(load.worst).toBeLessThan(SLOWEST_MS);
  expect(sandbox.stderr().match(WARNING)).toHaveLength(1);
};

describe('our own rules are taken away under load', () => {
  test.each<Attack>([
    {
      transport: 'nftables',
      what: 'the table, a chain, an element',
      commands: (prefix) => [
        `nft delete table inet ${prefix}`,
        `nft flush chain inet ${prefix} guard`,
        `nft flush map inet ${prefix} forwards`,
        `nft flush set inet ${prefix} sandboxes`,
      ],
    },
    {
      transport: 'iptables',
      what: 'chain by chain',
      commands: (prefix) => [
        `iptables --table raw --flush ${prefix}-guard`,
        `iptables --table raw --flush ${prefix}-sandboxes`,
        `iptables --flush ${prefix}-to_host`,
        `iptables --table nat --flush ${prefix}-forwards`,
        `iptables --delete INPUT -i ${prefix}-v+ -j ${prefix}-to_host`,
      ],
    },
  ])('$transport: $what', async (scenario) => {
    const prefix = newPrefix();
    expectServed(await attack(scenario, { prefix, inside: onThisHost }));
    expect(remains(prefix)).toEqual([]);
  });
});

describe('everything is flushed under load, on a host of its own', () => {
  test.each<Attack>([
    {
      transport: 'nftables',
      what: 'nft flush ruleset',
      commands: () => Array.from({ length: 3 }, () => 'nft flush ruleset'),
    },
    {
      transport: 'nftables',
      what: 'Debian’s nftables service starts',
      commands: () => ['nft --file /etc/nftables.conf', 'nft --file /etc/nftables.conf'],
    },
    {
      transport: 'iptables',
      what: 'nft flush ruleset, iptables -F and -X',
      commands: () => ['nft flush ruleset', 'iptables -F', 'iptables -t raw -F', 'iptables -t nat -F'],
    },
  ])('$transport: $what', async (scenario) => {
    const prefix = newPrefix();
    {
      await using host = createNamespace(`${prefix}-host`);
      const result = await attack(scenario, { prefix, inside: (action) => host.run(action) });
      expectServed(result);
      expect(host.run(() => remains(prefix))).toEqual([expect.stringContaining(`${prefix}-host`)]);
    }
    expect(remains(prefix)).toEqual([]);
  });
});

test('several sandboxes behind one wall are all members again, with all their forwards', async () => {
  const prefix = newPrefix();
  {
    await using first = startCli(['os', HELLO, '--name', 'one', '--forward', '3000'], { prefix });
    await using second = startCli(['os', HELLO, '--name', 'two', '--forward', '3000'], { prefix });
    const urls = await Promise.all([first.url(), second.url()]);
    const before = rulesOf('nftables', prefix);
    const loads = urls.map((url) => startLoad(url.replace('localhost', '127.0.0.1')));
    await pause(200);
    run(`nft delete table inet ${prefix}`);
    expect(await untilBack(() => rulesOf('nftables', prefix), before)).toBeLessThan(BACK_WITHIN_MS);
    for (const load of loads) expectNobodyRefused(await load.stop(), 1);
    for (const sandbox of [first, second]) {
      sandbox.process.kill('SIGTERM');
      await sandbox.ended;
    }
  }
  expect(remains(prefix)).toEqual([]);
});
