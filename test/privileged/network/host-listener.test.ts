import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { holdHostPort } from '../../../src/network/host-listener.ts';
import { createNamespace } from '../../../src/network/namespace.ts';
import { expectNothingLeft, randomPrefix, runInside } from './test-network.ts';

const MODULE = fileURLToPath(new URL('../../../src/network/host-listener.ts', import.meta.url));
const LOCALHOST = ['127.0.0.1', '::1'];

describe('holding a host port', () => {
  it('tries on until a port is free on every address', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    await using namespace = createNamespace(`${prefix}-host`);
    // A host on which the kernel has four ports to choose from and three are taken on ::1 only.
    const { taken, held } = namespace.run(() => {
      writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', '40000 40003');
      const taken = [40_000, 40_001, 40_003].map((port) => holdHostPort({ addresses: ['::1'], port }));
      return { taken, held: holdHostPort({ addresses: LOCALHOST, port: 0 }) };
    });
    expect(held.hostPort).toBe(40_002);
    const full = () => namespace.run(() => holdHostPort({ addresses: LOCALHOST, port: 0 }));
    expect(full).toThrow(
      expect.objectContaining({ code: 'PORT_IN_USE', message: expect.stringContaining('free on all') }),
    );
    for (const port of [held, ...taken]) await port[Symbol.asyncDispose]();
  });

  it('does without ::1 where there is no IPv6', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    await using namespace = createNamespace(`${prefix}-host`);
    const held = namespace.run(() => {
      writeFileSync('/proc/sys/net/ipv6/conf/lo/disable_ipv6', '1');
      return holdHostPort({ addresses: LOCALHOST, port: 8080, skipUnavailable: ['::1'] });
    });
    expect(held.listeners.map(({ address }) => address)).toEqual(['127.0.0.1']);
    await held[Symbol.asyncDispose]();
  });

  it('below 1024 is refused to an ordinary user, until he does as the hint says', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    await using namespace = createNamespace(`${prefix}-host`);
    const script = `
      import { holdHostPort } from '${MODULE}';
      try { console.log(holdHostPort({ addresses: ['127.0.0.1'], port: 81, processPort: 3000 }).hostPort); }
      catch ({ code, message, hint }) { console.log(code, '|', message, '|', hint); }`;
    const holdAsNobody = (): string =>
      namespace.run(() =>
        spawnSync(process.execPath, ['--input-type=module', '-e', script], {
          encoding: 'utf8',
          uid: 65_534,
          gid: 65_534,
        }),
      ).stdout;
    // What every machine starts with; a sandbox has 0.
    namespace.run(() => writeFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', '1024'));
    const [code, message, hint = ''] = holdAsNobody().trim().split(' | ');
    expect([code, message]).toEqual(['PORT_FORBIDDEN', 'host port 81 may not be used by this user']);
    const [, fix] =
      /^choose a higher one, e\.g\. --forward 8080:3000, .*: sudo (sysctl \S+)$/.exec(hint) ?? [];
    runInside(namespace, 'sh', '-c', `${fix}`);
    expect(holdAsNobody()).toBe('81\n');
  });
});
