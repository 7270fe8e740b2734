import { expect, test } from 'vitest';
import { killAll, newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';

test.each(['nftables', 'iptables', 'handoff'])(
  'gc --dry-run lists what gc would remove and leaves it there (%s)',
  async (transport) => {
    const prefix = newPrefix();
    const args = ['os', guestPath('hello-wasmedge'), '--forward', '3000', '--transport', transport];
    await using dead = startCli([...args, '--name', 'victim'], { prefix });
    await using alive = startCli([...args, '--name', 'survivor'], { prefix });
    await Promise.all([dead.url(), alive.url()]);
    await killAll(dead);

    const before = remains(prefix);
    const line = `victim  \\(namespace ${prefix}-victim, interface ${prefix}-v\\d+, of the ended process ${dead.process.pid}\\)\n`;
    expect((await runCli(['gc', '--dry-run'], { prefix })).stdout).toMatch(new RegExp(`^${line}$`));
    const { stdout } = await runCli(['gc', '--dry-run', '--json'], { prefix });
    const { leftovers } = JSON.parse(stdout) as { leftovers: { interface: string }[] };
    expect(leftovers).toMatchObject([
      { name: 'victim', pid: dead.process.pid, namespace: `${prefix}-victim` },
    ]);
    expect(remains(prefix)).toEqual(before);

    const removed = await runCli(['gc', '--json'], { prefix });
    expect(JSON.parse(removed.stdout)).toEqual({ removed: ['victim'] });
    const after = remains(prefix).join('\n');
    expect(after).not.toContain('victim');
    expect(after).not.toMatch(new RegExp(`${leftovers[0]?.interface}\\b`));
    expect((await runCli(['gc', '--dry-run'], { prefix })).stdout).toBe('');
    expect(await (await fetch(await alive.url())).text()).toContain('Hello');
    alive.process.kill('SIGTERM');
    await alive.ended;
    expect(remains(prefix)).toEqual([]);
  },
);
