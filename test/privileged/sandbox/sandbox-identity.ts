/** By what the kernel tells the objects apart that lead into a sandbox, and whether it is told to change them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { eventually } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { nft } from '../network/test-firewall.ts';
import { interfaces, linesOf, randomPrefix } from '../network/test-network.ts';

/** What leads into the sandbox, by what the kernel tells it apart by. */
export const identityOf = (run: CliRun, url: string): unknown => {
  const { prefix } = run;
  const [, namespace] = /\(namespace (\S+)\)/.exec(run.stderr())!;
  return {
    namespace: lstatSync(`/run/netns/${namespace}`).ino,
    interfaces: interfaces()
      .filter((name) => name.startsWith(prefix))
      .map((name) => readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8')),
    listeners: listenersOn(Number(new URL(url).port)),
    // With the handle of each chain, rule, set and map, and with the elements.
    nftables: linesOf('nft', '-a', '-s', 'list', 'ruleset').filter((line) => line.includes(prefix)),
    table: nftTable(prefix),
    iptables: linesOf('iptables-save').filter((line) => line.includes(prefix)),
  };
};

/** Our nftables table in full, where there is one. */
const nftTable = (prefix: string): readonly string[] =>
  linesOf('nft', 'list', 'tables').includes(`table inet ${prefix}`)
    ? linesOf('nft', '-a', 'list', 'table', 'inet', prefix)
    : [];

/** Inodes of the sockets that listen on a port of this machine: proc(5), /proc/net/tcp; state 0A is LISTEN. */
const listenersOn = (port: number): string[] => {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/net/${table}`, 'latin1').split('\n'));
  const inodes = rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(suffix) === true && state === '0A')
    .map((row) => row[9] ?? '');
  // A table that changes while it is read may have a row twice.
  const distinct = [...new Set(inodes)];
  expect(distinct).toHaveLength(2);
  return distinct;
};

export interface RuleChanges extends AsyncDisposable {
  /** What has happened to the rules of the prefix since. */
  lines(): Promise<string[]>;
}

/** An element that is taken away and put back looks the same afterwards: the kernel tells of each change. */
export const watchRules = async (prefix: string): Promise<RuleChanges> => {
  const monitor = spawn('nft', ['monitor'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  monitor.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  // What it says of this one shows that it has told all that came before.
  const marker = randomPrefix();
  const told = async (name: string): Promise<void> => {
    const isTold = await eventually(() => {
      nft('add', 'table', 'ip', name);
      nft('delete', 'table', 'ip', name);
      return output.includes(`add table ip ${name}`);
    });
    expect(isTold).toBe(true);
  };
  await told(`${marker}-begin`);
  return {
    async lines() {
      await told(`${marker}-end`);
      return output.split('\n').filter((line) => line.includes(prefix));
    },
    async [Symbol.asyncDispose]() {
      monitor.kill();
      await once(monitor, 'close');
    },
  };
};
