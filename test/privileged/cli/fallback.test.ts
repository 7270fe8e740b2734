/** What is used where nftables is not to be had: the whole command, on a machine made to lack it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { newPrefix, remains } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';

const BIN = fileURLToPath(new URL('../../../bin/wasmrun.cjs', import.meta.url));

/** Where this process's dynamic linker finds libnftables. */
const LIBRARY = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib']
  .map((directory) => `${directory}/libnftables.so.1`)
  .find((path) => {
    try {
      return readFileSync(path).length > 0;
    } catch {
      return false;
    }
  });

/** Hides a file from a command, in a mount namespace of its own. */
const HIDE =
  'hidden=$1; shift; [ -z "$hidden" ] || mount --bind /dev/null "$hidden"; PATH=$1; shift; exec "$@"';

test.each([
  ['iptables-nft', 'iptables'],
  ['iptables-legacy', 'iptables'],
  [undefined, 'handoff'],
])('without nftables, with %s: %s', async (kind, transport) => {
  const prefix = newPrefix();
  const programs = mkdtempSync(join(tmpdir(), 'wasmrun-path-'));
  try {
    for (const program of kind === undefined ? [] : ['restore', 'save'])
      symlinkSync(`/usr/sbin/${kind}-${program}`, join(programs, `iptables-${program}`));
    const command = [
      process.execPath,
      BIN,
      'os',
      guestPath('hello-wasmedge'),
      '--forward',
      '3000',
      '--verbose',
    ];
    const run = spawn('unshare', ['--mount', 'sh', '-c', HIDE, 'sh', LIBRARY ?? '', programs, ...command], {
      env: { PATH: process.env['PATH'], NO_COLOR: '1', WASMRUN_NAMESPACE_PREFIX: prefix },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(run, 'exit');
    let output = '';
    for await (const text of run.stderr.setEncoding('utf8')) {
      output += String(text);
      if (output.includes(' → ')) break;
    }
    const refusal = 'nftables is not available (nft is not installed: apt-get install nftables)';
    expect(output).toContain(`\n${refusal}; using ${transport}\n`);
    expect(output).toContain(`firewall: ${refusal}\n`);
    expect(output).toContain(`using ${transport}\n`);
    const [, url = ''] = new RegExp(`^(\\S+) → \\S+:3000 {2}${transport}$`, 'm').exec(output) ?? [];
    expect(await (await fetch(url)).text()).toContain('Hello');
    run.kill('SIGTERM');
    expect(await ended).toEqual([143, null]);
    expect(remains(prefix)).toEqual([]);
  } finally {
    rmSync(programs, { recursive: true });
  }
});
