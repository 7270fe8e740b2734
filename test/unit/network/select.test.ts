import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { selectTransport } from '../../../src/network/select.ts';
import { handoffTransport } from '../../../src/network/transports/handoff.ts';
import { createNftablesTransport } from '../../../src/network/transports/nftables.ts';
import { createNftRunner } from '../../../src/os/nft.ts';

/** The nftables transport of a machine without libnftables, where `nft` may be absent or this script. */
const nftablesWithCommand = (script?: string) => {
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
  return createNftablesTransport({ prefix: 'unused', nft: createNftRunner('libabsent.so.1') });
};

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
});
