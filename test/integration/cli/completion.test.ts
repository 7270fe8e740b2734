/** TAB in real shells, each at a terminal of its own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCli } from '../../helpers/cli.ts';
import { openShell } from '../../helpers/interactive-shell.ts';

const FILES = ['server.wasm', 'settings.env', 'public/index.html', 'package.json'];

describe.each(['bash', 'zsh', 'fish'] as const)('%s', (name) => {
  test('completes the one word that is left', async () => {
    await using shell = await openShell(name, FILES);
    for (const [typed, ...words] of [
      ['wasmrun compl', 'wasmrun', 'completion'],
      ['wasmrun config sh', 'wasmrun', 'config', 'show'],
      ['wasmrun help conf', 'wasmrun', 'help', 'config'],
      ['wasmrun os --transp', 'wasmrun', 'os', '--transport'],
      ['wasmrun os --transport han', 'wasmrun', 'os', '--transport', 'handoff'],
      ['wasmrun os --transport=han', 'wasmrun', 'os', '--transport=handoff'],
      ['wasmrun os --language py', 'wasmrun', 'os', '--language', 'python'],
      ['wasmrun os "an app" --isolation vir', 'wasmrun', 'os', 'an app', '--isolation', 'virtual'],
      ['wasmrun completion fi', 'wasmrun', 'completion', 'fish'],
    ]) {
      expect(await shell.complete(typed!)).toEqual(words);
    }
  });

  test('completes paths where paths can stand, and only there', async () => {
    await using shell = await openShell(name, FILES);
    for (const [typed, ...words] of [
      ['wasmrun os serv', 'wasmrun', 'os', 'server.wasm'],
      ['wasmrun os --env-file sett', 'wasmrun', 'os', '--env-file', 'settings.env'],
      ['wasmrun os --env-file=sett', 'wasmrun', 'os', '--env-file=settings.env'],
      // A file's name begins so, too.
      ['wasmrun os --dir p', 'wasmrun', 'os', '--dir', 'public/'],
      ['wasmrun os server.wasm -- sett', 'wasmrun', 'os', 'server.wasm', '--', 'settings.env'],
      ['wasmrun os --name serv', 'wasmrun', 'os', '--name', 'serv'],
      ['wasmrun gc serv', 'wasmrun', 'gc', 'serv'],
    ]) {
      const completed = await shell.complete(typed!);
      // zsh takes the slash back when a blank follows.
      const withSlash = completed.map((word) => (word === 'public' ? 'public/' : word));
      expect(withSlash).toEqual(words);
    }
  });

  test('shows what there is to choose from', async () => {
    await using shell = await openShell(name, FILES);
    await shell.lists('wasmrun ', /completion/, /config/, /doctor/, /\bos\b/);
    await shell.lists('wasmrun os --transport ', /nftables/, /iptables/, /handoff/);
    if (name !== 'bash') await shell.lists('wasmrun os --', /what it may reach/);
  });

  test('runs nothing that has been typed', async () => {
    await using shell = await openShell(name, FILES);
    await shell.lists('wasmrun os $(touch ran) --transport ', /handoff/);
    // By now that would be done.
    expect(await shell.complete('ls pack')).toEqual(['ls', 'package.json']);
    expect(existsSync(join(shell.home, 'ran'))).toBe(false);
  });
});

test('an unknown shell is named with those that are known', async () => {
  const { status, stderr } = await runCli(['completion', 'ksh']);
  expect(status).toBe(2);
  expect(stderr).toContain('Allowed choices are bash, zsh, fish');
});

test('what the scripts ask is answered whatever has been typed', async () => {
  for (const words of [[], ['--json', ''], ['nonsense', ''], ['os', '--nonsense', ''], ['--', '--', '--']]) {
    const { status, stdout, stderr } = await runCli(['__complete', '--', ...words]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^(none|files|directories)\n([^\t\n]+\t[^\t\n]*\n)*$/);
  }
});
