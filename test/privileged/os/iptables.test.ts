import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createIptables, probeIptables } from '../../../src/os/iptables.ts';
import { randomPrefix } from '../network/test-network.ts';

const MODULE = fileURLToPath(new URL('../../../src/os/iptables.ts', import.meta.url));
const HARMLESS = '*filter\n:PREFIX-chain - [0:0]\n-A PREFIX-chain -s 203.0.113.1/32 -j DROP\nCOMMIT\n';

describe.each(['iptables-nft', 'iptables-legacy'])('speaking to %s', (kind) => {
  const programs = { restore: `${kind}-restore`, save: `${kind}-save` };

  it('tries a script without doing it, does it, and shows it', async () => {
    const iptables = createIptables(programs);
    const prefix = randomPrefix();
    expect(await probeIptables(iptables, HARMLESS.replaceAll('PREFIX', prefix))).toEqual({ ok: true });
    expect(await iptables.save()).not.toContain(prefix);
    await iptables.restore(HARMLESS.replaceAll('PREFIX', prefix));
    try {
      expect(await iptables.save()).toContain(`-A ${prefix}-chain -s 203.0.113.1/32 -j DROP\n`);
    } finally {
      await iptables.restore(`*filter\n-F ${prefix}-chain\n-X ${prefix}-chain\nCOMMIT\n`);
    }
    expect(await iptables.save()).not.toContain(prefix);
  });

  it('is refused to an ordinary user, with the way out', () => {
    const script = `
      import { createIptables, probeIptables } from '${MODULE}';
      const iptables = createIptables(${JSON.stringify(programs)});
      console.log(JSON.stringify(await probeIptables(iptables, ${JSON.stringify(HARMLESS.replaceAll('PREFIX', 'p'))})));`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      uid: 65_534,
      gid: 65_534,
    });
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      reason: 'iptables needs root (CAP_NET_ADMIN)',
      hint: 'run wasmrun with sudo',
    });
  });

  it('names what does not work', async () => {
    const probed = await probeIptables(
      createIptables(programs),
      '*filter\n-A INPUT -m nonsense -j DROP\nCOMMIT\n',
    );
    expect(probed).toMatchObject({ ok: false, reason: expect.stringContaining('iptables does not work') });
  });
});

it('iptables that is not installed is no failure', async () => {
  const absent = createIptables({ restore: 'wasmrun-no-such-restore', save: 'wasmrun-no-such-save' });
  expect(await probeIptables(absent, HARMLESS)).toEqual({
    ok: false,
    reason: 'iptables is not installed',
    hint: 'apt-get install iptables',
  });
});
