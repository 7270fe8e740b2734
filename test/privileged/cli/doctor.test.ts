/** What `wasmrun doctor` says of a machine, made by the test where it is not this one. */
import { copyFile, mkdir, mkdtempDisposable, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Diagnosis } from '../../../src/diagnosis.ts';
import { pinnedNode } from '../../../src/os/pinned-node.ts';
import { BIN, killAll, newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { OrdinaryUser } from '../../helpers/ordinary-user.ts';

const prefix = newPrefix();

/** A machine of its own, where nothing is let in. */
const CLOSED = `ip link set lo up && nft 'add table inet theirs; add chain inet theirs input { type filter hook input priority 0; policy drop; }' && exec "$@"`;

test('as root everything works, and auto takes the first of each kind', async () => {
  const { stdout, status } = await runCli(['doctor'], { prefix });
  expect(stdout).toMatch(/^isolation {2}namespace +works, auto takes it$/m);
  expect(stdout).toMatch(/^firewall {3}nftables +works, auto takes it$/m);
  expect(stdout).toMatch(/^transport {2}nftables +works, auto takes it$/m);
  expect(stdout).toMatch(/^transport {2}handoff +works$/m);
  expect(status).toBe(0);
  expect(remains(prefix)).toEqual([]);
});

test('an ordinary user reads every refusal with its reason and the way out', async () => {
  const become = ['setpriv', '--reuid', '54321', '--regid', '54321', '--clear-groups'] as const;
  const { stdout } = await runCli(['doctor'], { prefix, command: [...become, BIN] });
  expect(stdout).toMatch(/^isolation {2}namespace +no: it needs root \(run wasmrun with sudo\)$/m);
  expect(stdout).toMatch(/^isolation {2}user-namespace +works, auto takes it$/m);
  for (const name of ['nftables', 'iptables'])
    expect(stdout).toMatch(new RegExp(`^transport {2}${name} +no: ${name} needs root .*sudo\\)$`, 'm'));
  expect(stdout).toMatch(/^transport {2}handoff +works, auto takes it$/m);
});

test('another firewall is named with the command that lets others in', async () => {
  const command = ['unshare', '--net', 'sh', '-c', CLOSED, 'sh', BIN] as const;
  const { stdout } = await runCli(['doctor'], { prefix, command });
  expect(stdout).toMatch(/^- the nftables table inet theirs .*8080.*nft /m);
  const { stdout: json } = await runCli(['doctor', '--json'], { prefix, command });
  expect(JSON.parse(json)).toMatchObject({ obstacles: [expect.stringContaining('inet theirs')] });
});

test('versions, rights and tools stand first, and whether anything can be started last', async () => {
  const { stdout } = await runCli(['doctor'], { prefix });
  expect(stdout).toMatch(
    new RegExp(
      String.raw`^version    wasmrun \d+\.\d+\.\d+, run by Node ${RegExp.escape(process.versions.node)}
engine     Node \d+\.\d+\.\d+ for linux-${process.arch}
kernel     Linux \S+, seccomp
rights     root, user\.max_user_namespaces=\d+.*
tool       nft, iptables-restore, unshare, nsenter, setpriv, tee, ip
isolation `,
    ),
  );
  expect(stdout).toMatch(/\n\nSandboxes can be started here\.\n$/);
  const diagnosis = JSON.parse((await runCli(['doctor', '--json'], { prefix })).stdout) as Diagnosis;
  expect(diagnosis).toMatchObject({ leftovers: [], problems: [] });
  expect(diagnosis).not.toHaveProperty('removed');
  expect(diagnosis.checks.filter(({ state }) => state !== 'ok')).toEqual([]);
});

test('a program that is missing is named with its package', async () => {
  const hide = 'mount --bind /dev/null "$(readlink -f /usr/sbin/nft)" && exec "$@"';
  const { stdout, status } = await runCli(['doctor'], {
    prefix,
    command: ['unshare', '--mount', 'sh', '-c', hide, 'sh', BIN],
  });
  expect(stdout).toMatch(/^tool {7}nft is not installed, .* \(apt-get install nftables\)$/m);
  expect(status).toBe(0);
});

test('leftovers are listed, and --fix removes them, no more', async () => {
  const own = newPrefix();
  const args = ['os', guestPath('hello-wasmedge'), '--forward', '3000'];
  await using dead = startCli([...args, '--name', 'victim'], { prefix: own });
  await using alive = startCli([...args, '--name', 'survivor'], { prefix: own });
  await Promise.all([dead.url(), alive.url()]);
  await killAll(dead);

  const line = `victim  \\(namespace ${own}-victim, interface ${own}-v\\d+, of the ended process ${dead.process.pid}\\)`;
  const found = await runCli(['doctor'], { prefix: own });
  expect(found.stdout).toMatch(new RegExp(`^leftover   ${line}: wasmrun doctor --fix removes it$`, 'm'));
  expect(found.status).toBe(0);
  expect(remains(own).join()).toContain('victim');

  const fixed = await runCli(['doctor', '--fix'], { prefix: own });
  expect(fixed.stdout).toMatch(new RegExp(`^removed    ${line}$`, 'm'));
  expect(fixed.stdout).not.toContain('leftover');
  expect(remains(own).join()).not.toContain('victim');
  expect(JSON.parse((await runCli(['doctor', '--fix', '--json'], { prefix: own })).stdout)).toMatchObject({
    removed: [],
    leftovers: [],
  });
  expect(await (await fetch(await alive.url())).text()).toContain('Hello');
  alive.process.kill('SIGTERM');
  await alive.ended;
  expect(remains(own)).toEqual([]);
});

test('where user namespaces are forbidden and there is no root, the status says so', async () => {
  using user = new OrdinaryUser();
  // In a user namespace around the command; the machine's own setting is left alone.
  const script =
    'echo 0 >/proc/sys/user/max_user_namespaces || exit 99; exec setpriv --inh-caps=-all --ambient-caps=-all "$@"';
  const through = ['unshare', '--user', '--map-current-user', '--keep-caps', '--', 'sh', '-c', script, 'sh'];
  const { stdout, status } = await user.run(['doctor'], { prefix, through });
  expect(stdout).toMatch(
    /^rights {5}user\.max_user_namespaces=0 \(sudo sysctl user\.max_user_namespaces=15000\)$/m,
  );
  expect(stdout).toMatch(/\nSandboxes cannot be started here:\n- without root wasmrun needs user namespaces/);
  expect(status).toBe(1);
});

test.each([
  [
    'another version',
    '#!/bin/sh\necho v1.2.3\n',
    /^engine {5}Node 1\.2\.3 \(.*\) instead of 26\.\S+ \(install /m,
    0,
  ],
  ['for another machine', '\x7fELF nothing', /^- engine: it does not start: .*node --version/m, 1],
])('a pinned Node that is %s', async (_, content, expected, expectedStatus) => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-doctor-'));
  const [node, other] = ['node', 'other'].map((name) => join(directory.path, name));
  // The one that runs the command is this copy.
  await copyFile(pinnedNode(), node!);
  await writeFile(other!, content, { mode: 0o755 });
  const replace = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  const { stdout, status } = await runCli(['doctor'], {
    prefix,
    command: ['unshare', '--mount', 'sh', '-c', replace, 'sh', other!, pinnedNode(), node!, '--', BIN],
  });
  expect(stdout).toMatch(expected);
  expect(status).toBe(expectedStatus);
});

test('a record that cannot be read stands in the way of every start', async () => {
  const own = newPrefix();
  const directory = `/run/wasmrun/${own}`;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    await writeFile(join(directory, 'web.json'), 'not JSON', { mode: 0o600 });
    const { stdout, status } = await runCli(['doctor'], { prefix: own });
    expect(stdout).toContain(
      `Sandboxes cannot be started here:\n- ${directory}/web.json cannot be understood`,
    );
    expect(status).toBe(1);
  } finally {
    await rm(directory, { recursive: true });
  }
});
