import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createNftablesBackend } from '../../../src/network/firewalls/nftables.ts';
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

const NOT_INSTALLED = { name: 'nftables', reason: 'nft is not installed', hint: 'apt-get install nftables' };

describe('selecting a transport', () => {
  it('takes the first that works and says why the ones before it do not', async () => {
    expect(await selectTransport([nftablesWithCommand(), handoffTransport], 'auto')).toEqual({
      transport: handoffTransport,
      refusals: [NOT_INSTALLED],
    });
  });

  it('asks none after the first that works', async () => {
    expect(await selectTransport([handoffTransport, nftablesWithCommand()], 'auto')).toEqual({
      transport: handoffTransport,
      refusals: [],
    });
  });

  it('takes the wanted one even if another comes first', async () => {
    const { transport } = await selectTransport([nftablesWithCommand('exit 0'), handoffTransport], 'handoff');
    expect(transport).toBe(handoffTransport);
  });

  it('does not replace the wanted one by another', async () => {
    await expect(selectTransport([nftablesWithCommand(), handoffTransport], 'nftables')).rejects.toThrow(
      expect.objectContaining({ code: 'NO_TRANSPORT', hint: NOT_INSTALLED.hint }),
    );
  });

  it('lists the reason of every one where none works', async () => {
    const broken = nftablesWithCommand('echo out of order >&2; exit 1');
    await expect(selectTransport([broken, broken], 'auto')).rejects.toThrow(
      'no transport works here (nftables: nft does not work: out of order; nftables: nft does not work: out of order)',
    );
  });

  it('recognises missing privileges', async () => {
    const forbidden = nftablesWithCommand('echo "Operation not permitted (you must be root)" >&2; exit 1');
    const { refusals } = await selectTransport([forbidden, handoffTransport], 'auto');
    expect(refusals).toEqual([
      { name: 'nftables', reason: 'nftables needs root (CAP_NET_ADMIN)', hint: 'run wasmrun with sudo' },
    ]);
  });

  it('says so where the wanted one does not exist', async () => {
    await expect(selectTransport([handoffTransport], 'nftables')).rejects.toThrow('none of that name');
  });

  it('refuses one that would need another wall than the one that stands', async () => {
    const nftables = nftablesWithCommand('exit 0');
    const { transport, refusals } = await selectTransport([nftables, handoffTransport], 'auto', 'iptables');
    expect(transport).toBe(handoffTransport);
    expect(refusals).toEqual([{ name: 'nftables', reason: 'the sandboxes beside it stand behind iptables' }]);
    await expect(selectTransport([nftables], 'nftables', 'iptables')).rejects.toMatchObject({
      code: 'NO_TRANSPORT',
    });
  });
});

describe('selecting a firewall', () => {
  it('takes the first that works, whatever its place', async () => {
    const works = firewallWithCommand('exit 0');
    expect(await selectFirewall([works], undefined)).toBe(works);
    expect(await selectFirewall([works], 'nftables')).toBe(works);
  });

  it('does without where none works, unless one is wanted', async () => {
    const absent = firewallWithCommand();
    expect(await selectFirewall([absent], undefined)).toBeUndefined();
    await expect(selectFirewall([absent], 'nftables')).rejects.toMatchObject({
      code: 'NETWORK_SETUP_FAILED',
      message: 'nftables does not work here: nft is not installed',
      hint: 'apt-get install nftables',
    });
  });
});
