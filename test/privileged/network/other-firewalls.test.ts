import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createNamespace, type Namespace } from '../../../src/network/namespace.ts';
import type { Obstacle } from '../../../src/network/other-firewalls.ts';
import { expectNothingLeft, randomPrefix, runInside } from './test-network.ts';

const MODULE = fileURLToPath(new URL('../../../src/network/other-firewalls.ts', import.meta.url));

/** A host of its own, with a firewall that someone made by hand. */
const openHost = (prefix: string, ruleset: string): Namespace => {
  const host = createNamespace(`${prefix}-host`);
  host.run(() => execFileSync('nft', ['-f', '-'], { input: ruleset }));
  return host;
};

/** What wasmrun finds in the way on that host. */
const findInside = (
  host: Namespace,
  ports: number[],
  environment: NodeJS.ProcessEnv = process.env,
): Obstacle[] => {
  const script = `
    import { findObstacles, readRulesets } from '${MODULE}';
    console.log(JSON.stringify(findObstacles(await readRulesets(), { ports: ${JSON.stringify(ports)}, prefix: 'p' })));`;
  const { stdout, stderr } = host.run(() =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: environment,
    }),
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout);
};

describe('firewalls of others', () => {
  it('are found as they stand in the kernel, and their fix opens the port', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    await using host = openHost(
      prefix,
      `table inet filter {
        chain arriving {
          type filter hook input priority filter; policy drop;
          ct state established,related accept
          tcp dport { 22, 9000-9010 } ct state new accept
        }
      }`,
    );
    expect(findInside(host, [22, 9005])).toEqual([]);
    const [obstacle, ...others] = findInside(host, [22, 8080]);
    expect(others).toEqual([]);
    expect(obstacle).toMatchObject({ firewall: 'the nftables table inet filter', blocks: 'input' });
    runInside(host, 'sh', '-c', obstacle?.fix ?? 'false');
    expect(findInside(host, [22, 8080])).toEqual([]);
  });

  it.each(['iptables', 'iptables-legacy'])(
    'of %s are found, and their fix is one of the same kind',
    async (kind) => {
      const prefix = randomPrefix();
      using _ = expectNothingLeft(prefix);
      await using host = openHost(prefix, '');
      runInside(host, kind, '--policy', 'INPUT', 'DROP');
      const [obstacle, ...others] = findInside(host, [8080]);
      expect(others).toEqual([]);
      expect(obstacle).toMatchObject({ firewall: kind, blocks: 'input' });
      runInside(host, 'sh', '-c', obstacle?.fix ?? 'false');
      expect(findInside(host, [8080])).toEqual([]);
    },
  );

  it('are not looked for where the tools are missing', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    await using host = openHost(prefix, '');
    runInside(host, 'iptables-nft', '--policy', 'INPUT', 'DROP');
    expect(findInside(host, [8080], { PATH: '/nonexistent' })).toEqual([]);
  });
});
