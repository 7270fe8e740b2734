import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createNftablesBackend } from '../../../src/network/firewalls/nftables.ts';
import { describeRefusals, Probes, type Refusal } from '../../../src/network/refusal.ts';
import { selectFirewall, selectTransport } from '../../../src/network/select.ts';
import { handoffTransport } from '../../../src/network/transports/handoff.ts';
import { createRedirectTransport } from '../../../src/network/transports/redirect.ts';
import { createNftRunner } from '../../../src/os/nft.ts';

/** The nftables of a machine without libnftables, where `nft` may be absent or this script. */
const firewallWithCommand = (script?: string) => {
  const directory = mkdtempSync(join(tmpdir(), 'wasmrun-nft-'));
  const path = process.env['PATH'];
  process.env['PATH'] = directory;
  onTestFinished(() => {
    process.env['PATH'] = path;
    rmSync(directory, { recursive: true });
  });
  if (script !== undefined) {
    writeFileSync(join(directory, 'nft'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, 'nft'), 0o755);
  }
  return createNftablesBackend({ nft: createNftRunner('libabsent.so.1') });
};

const nftablesWithCommand = (script?: string) => createRedirectTransport(firewallWithCommand(script));

const NOT_INSTALLED: Refusal = {
  name: 'nftables',
  reason: 'nft is not installed',
  hint: 'apt-get install nftables',
};

describe('selecting a transport', () => {
  it('takes the first that works and says why the ones before it do not', async () => {
    expect(await selectTransport([nftablesWithCommand(), handoffTransport], { wanted: 'auto' })).toEqual({
      transport: handoffTransport,
      refusals: [NOT_INSTALLED],
    });
  });

  it('asks none after the first that works', async () => {
    expect(await selectTransport([handoffTransport, nftablesWithCommand()], { wanted: 'auto' })).toEqual({
      transport: handoffTransport,
      refusals: [],
    });
  });

  it('takes the wanted one even if another comes first', async () => {
    const { transport } = await selectTransport([nftablesWithCommand('exit 0'), handoffTransport], {
      wanted: 'handoff',
    });
    expect(transport).toBe(handoffTransport);
  });

  it('does not replace the wanted one by another', async () => {
    await expect(
      selectTransport([nftablesWithCommand(), handoffTransport], { wanted: 'nftables' }),
    ).rejects.toThrow(expect.objectContaining({ code: 'NO_TRANSPORT', hint: NOT_INSTALLED.hint }));
  });

  it('lists the reason of every one where none works', async () => {
    const broken = nftablesWithCommand('echo out of order >&2; exit 1');
    await expect(selectTransport([broken, broken], { wanted: 'auto' })).rejects.toThrow(
      'no transport works here (nftables: nft does not work: out of order; nftables: nft does not work: out of order)',
    );
  });

  it('recognises missing privileges', async () => {
    const forbidden = nftablesWithCommand('echo "Operation not permitted (you must be root)" >&2; exit 1');
    const { refusals } = await selectTransport([forbidden, handoffTransport], { wanted: 'auto' });
    expect(refusals).toEqual([
      { name: 'nftables', reason: 'nftables needs root (CAP_NET_ADMIN)', hint: 'run wasmrun with sudo' },
    ]);
  });

  it('says so where the wanted one does not exist', async () => {
    await expect(selectTransport([handoffTransport], { wanted: 'nftables' })).rejects.toThrow(
      'none of that name',
    );
  });

  it('refuses one that would need another wall than the one that stands', async () => {
    const nftables = nftablesWithCommand('exit 0');
    const { transport, refusals } = await selectTransport([nftables, handoffTransport], {
      wanted: 'auto',
      standing: 'iptables',
    });
    expect(transport).toBe(handoffTransport);
    expect(refusals).toEqual([{ name: 'nftables', reason: 'the sandboxes beside it stand behind iptables' }]);
    await expect(
      selectTransport([nftables], { wanted: 'nftables', standing: 'iptables' }),
    ).rejects.toMatchObject({
      code: 'NO_TRANSPORT',
    });
  });
});

describe('selecting a firewall', () => {
  it('takes the first that works, whatever its place', async () => {
    const works = firewallWithCommand('exit 0');
    for (const wanted of [undefined, 'nftables'] as const)
      expect(await selectFirewall([works], { wanted })).toEqual({ backend: works, refusals: [] });
  });

  it('does without where none works, unless one is wanted', async () => {
    const absent = firewallWithCommand();
    expect(await selectFirewall([absent], { wanted: undefined })).toEqual({
      backend: undefined,
      refusals: [NOT_INSTALLED],
    });
    await expect(selectFirewall([absent], { wanted: 'nftables' })).rejects.toMatchObject({
      code: 'NETWORK_SETUP_FAILED',
      message: 'nftables does not work here: nft is not installed',
      hint: 'apt-get install nftables',
    });
  });
});

describe('what is asked', () => {
  it('is asked once, whoever needs the answer', async () => {
    const log = join(mkdtempSync(join(tmpdir(), 'wasmrun-probes-')), 'calls');
    onTestFinished(() => rmSync(dirname(log), { recursive: true }));
    const backend = firewallWithCommand(`echo asked >> ${log}; exit 0`);
    const nftables = createRedirectTransport(backend);
    const probes = new Probes();
    await selectTransport([nftables, handoffTransport], { wanted: 'nftables', probes });
    await selectFirewall([backend], { wanted: 'nftables', probes });
    await selectTransport([nftables, handoffTransport], { wanted: 'nftables', standing: 'nftables', probes });
    expect(readFileSync(log, 'utf8')).toBe('asked\n');
  });

  it('is told with reason and hint', () => {
    expect(describeRefusals([NOT_INSTALLED, { name: 'iptables', reason: 'it is Monday' }])).toEqual([
      'nftables is not available (nft is not installed: apt-get install nftables)',
      'iptables is not available (it is Monday)',
    ]);
  });
});
