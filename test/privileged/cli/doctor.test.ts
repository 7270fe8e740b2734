/** What `wasmrun doctor` says of a machine, made by the test where it is not this one. */
import { expect, test } from 'vitest';
import { BIN, newPrefix, remains, runCli } from '../../helpers/cli.ts';

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
