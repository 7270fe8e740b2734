import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createNamespace, type Namespace } from '../../../src/network/namespace.ts';
import type { ExposedPort, Obstacle } from '../../../src/network/other-firewalls.ts';
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
  ports: readonly ExposedPort[],
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

const tcp = (hostPort: number): ExposedPort => ({ protocol: 'tcp', hostPort });
const udp = (hostPort: number): ExposedPort => ({ protocol: 'udp', hostPort });

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
          meta l4proto { tcp, udp } th dport 53 accept
          ip daddr 224.0.0.251 udp dport 5353 accept
        }
      }`,
    );
    expect(findInside(host, [tcp(22), tcp(9005), tcp(53), udp(53)])).toEqual([]);
    const closed = [tcp(8080), udp(22), udp(5353)];
    const [obstacle, ...others] = findInside(host, [tcp(22), ...closed]);
    expect(others).toEqual([]);
    expect(obstacle).toMatchObject({ firewall: 'the nftables table inet filter', blocks: 'input' });
    runInside(host, 'sh', '-c', obstacle?.fix ?? 'false');
    expect(obstacle?.sentence).toContain(' host ports 8080, 22/udp, 5353/udp; ');
    expect(findInside(host, closed)).toEqual([]);
  });

  it.each(['iptables', 'iptables-legacy'])(
    'of %s are found, and their fix is one of the same kind',
    async (kind) => {
      const prefix = randomPrefix();
      using _ = expectNothingLeft(prefix);
      await using host = openHost(prefix, '');
      runInside(host, kind, '--policy', 'INPUT', 'DROP');
      const ports = [tcp(8080), udp(53), udp(8080)];
      const [obstacle, ...others] = findInside(host, ports);
      expect(others).toEqual([]);
      expect(obstacle).toMatchObject({ firewall: kind, blocks: 'input' });
      runInside(host, 'sh', '-c', obstacle?.fix ?? 'false');
      expect(findInside(host, ports)).toEqual([]);
    },
  );

  it('are not looked for where the tools are missing', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    await using host = openHost(prefix, '');
    runInside(host, 'iptables-nft', '--policy', 'INPUT', 'DROP');
    expect(findInside(host, [tcp(8080)], { PATH: '/nonexistent' })).toEqual([]);
  });
});
