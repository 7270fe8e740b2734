/**
 * wasmrun beside ufw, firewalld and Docker, each really running on a machine of the test's own: forwards on
 * localhost never notice them, and who is shut out is told by whom, and by which command that is mended.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createNamespace } from '../../../src/network/namespace.ts';
import type { Obstacle } from '../../../src/network/other-firewalls.ts';
import { newPrefix, remains, startCli, type CliRun } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { startLoad } from '../../helpers/load.ts';
import { probeFromInside, runInside, startEchoServer } from '../network/test-network.ts';
import {
  FIREWALLS_BY_HAND,
  FOREIGN_FIREWALLS,
  reloadFirewall,
  rulesOf,
  startFirewall,
  type ForeignFirewall,
} from './foreign-firewalls.ts';
import { createMachine, fetchFrom, type Machine } from './machine.ts';

const GREETING = 'Hello from inside the sandbox\n';
const MODULE = fileURLToPath(new URL('../../../src/network/other-firewalls.ts', import.meta.url));
/** What curl(1) ends with where a firewall says no, or nothing. */
const SHUT_OUT: readonly unknown[] = [7, 28];

/** Runs a test on a machine with a firewall, and looks whether something is left. */
const onMachine = async (
  firewall: ForeignFirewall,
  action: (machine: Machine, prefix: string) => Promise<void>,
): Promise<void> => {
  const prefix = newPrefix();
  {
    await using machine = await createMachine(prefix);
    await startFirewall(machine, firewall);
    await action(machine, prefix);
  }
  expect(remains(prefix)).toEqual([]);
};

const start = ({ host }: Machine, ...args: string[]): CliRun =>
  host.run(() => startCli(['os', guestPath('hello-wasmedge'), ...args]));

const stop = async ({ host }: Machine, run: CliRun): Promise<void> => {
  run.process.kill('SIGTERM');
  expect((await run.ended).status).toBe(143);
  expect(host.run(() => remains(run.prefix))).toEqual([]);
};

const expectBothLoopbacksServed = async ({ host }: Machine, port: string): Promise<void> => {
  for (const address of ['127.0.0.1', '[::1]'])
    expect(await fetchFrom(host, `http://${address}:${port}/`), address).toBe(GREETING);
};

/** Waits for the rules to be as they were, for the two seconds that are promised. */
const expectBack = async (machine: Machine, before: readonly string[]): Promise<void> => {
  const deadline = performance.now() + 2000;
  while (String(await rulesOf(machine)) !== String(before) && performance.now() < deadline);
  expect(await rulesOf(machine)).toEqual(before);
};

test.each(FOREIGN_FIREWALLS)('forwards on localhost notice neither $name nor that it reloads', (firewall) =>
  onMachine(firewall, async (machine) => {
    const theirs = await rulesOf(machine);
    await using byNft = start(machine, '--forward', '3000', '--transport', 'nftables');
    await using byIptables = start(machine, '--forward', '3000', '--transport', 'iptables');
    const runs = [byNft, byIptables];
    const ports = await Promise.all(runs.map(async (run) => new URL(await run.url()).port));
    const loads = ports.map((port) =>
      startLoad(`http://127.0.0.1:${port}/`, { inside: (action) => machine.host.run(action) }),
    );
    for (const port of ports) await expectBothLoopbacksServed(machine, port);
    const all = await rulesOf(machine);

    await reloadFirewall(machine, firewall);

    for (const port of ports) await expectBothLoopbacksServed(machine, port);
    // firewalld empties the tables of iptables when it reloads, with what is ours in them.
    await expectBack(machine, all);
    for (const load of loads) expect(Object.keys((await load.stop()).counts)).toEqual(['200']);
    expect(runs.map((run) => / {2}(\w+)$/m.exec(run.stderr())?.[1])).toEqual(['nftables', 'iptables']);
    for (const run of runs) await stop(machine, run);
    expect(await rulesOf(machine)).toEqual(theirs);
  }),
);

/** What wasmrun finds in the way of what is routed to and from interfaces of a prefix. */
const findRouteObstacles = ({ host }: Machine, prefix: string): Obstacle[] => {
  const script = `
    import { findObstacles, readRulesets } from '${MODULE}';
    console.log(JSON.stringify(findObstacles(await readRulesets(), { ports: [], prefix: '${prefix}' })));`;
  const { stdout } = host.run(() =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }),
  );
  return JSON.parse(stdout);
};

const ALL_FIREWALLS = [...FOREIGN_FIREWALLS, ...FIREWALLS_BY_HAND];

test.each(ALL_FIREWALLS)(
  'a forward on 0.0.0.0 is opened by the command that the warning names: $name',
  (firewall) =>
    onMachine(firewall, async (machine) => {
      const theirs = await rulesOf(machine);
      await using run = start(machine, '--bind', '0.0.0.0', '--forward', '8080:3000');
      await run.url();
      const url = `http://${machine.lanAddress}:8080/`;
      if (firewall.closesHost) {
        const warning = /^warning: (.+) lets no other machine reach host port 8080; to open it: (.+)$/m;
        const [, name, fix = ''] = await run.printed(warning);
        expect(name).toBe(firewall.name);
        expect(SHUT_OUT).toContain(await fetchFrom(machine.neighbour, url));
        await machine.run(fix);
      }
      expect(await fetchFrom(machine.neighbour, url)).toBe(GREETING);
      expect(await fetchFrom(machine.host, 'http://127.0.0.1:8080/')).toBe(GREETING);
      await stop(machine, run);
      if (!firewall.closesHost) expect(await rulesOf(machine)).toEqual(theirs);
    }),
);

test.each(ALL_FIREWALLS.filter(({ closesHost }) => closesHost))(
  'forwards of TCP and UDP are opened by one command: $name',
  (firewall) =>
    onMachine(firewall, async (machine) => {
      const { host, neighbour, lanAddress } = machine;
      // 5353, as it is open to the group of mDNS behind some of them.
      const forwards = ['--bind', '0.0.0.0', '--forward', '8080:3000', '--forward', '5353:53/udp'];
      await using run = host.run(() =>
        startCli(['os', guestPath('udp-wasmedge'), ...forwards, '--', 'server', '53']),
      );
      const warning =
        /^warning: .+ lets no other machine reach host ports 8080, 5353\/udp; to open them: (.+)$/m;
      const [, fix = ''] = await run.printed(warning);
      await run.printed(/ → \S+:53\/udp /);
      const reach = async (): Promise<string[]> => {
        const [stream, datagram] = await Promise.all([
          probeFromInside(neighbour, { host: lanAddress, port: 8080 }),
          probeFromInside(neighbour, { host: lanAddress, port: 5353, protocol: 'udp' }),
        ]);
        return [stream.outcome, datagram.outcome];
      };

      const shut = await reach();
      expect(shut).not.toContain('connected');
      expect(shut).not.toContain('answered');
      await machine.run(fix);
      expect(await reach()).toEqual(['connected', 'answered']);
      await stop(machine, run);
    }),
);

test.each(ALL_FIREWALLS)(
  'routed connections are let through by the command that is named: $name',
  (firewall) =>
    onMachine(firewall, async (machine, prefix) => {
      const { host, neighbour, lanAddress, neighbourAddress } = machine;
      // Behind an interface that is named like a sandbox's, without wasmrun's own wall.
      await using inside = createNamespace(`${prefix}-in`);
      const link = { veth: `${prefix}-v1`, hostAddress: '203.0.113.2', sandboxAddress: '203.0.113.3' };
      host.run(() => inside.connect(link));
      runInside(host, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
      runInside(inside, 'ip', 'route', 'add', 'default', 'via', link.hostAddress);
      runInside(neighbour, 'ip', 'route', 'add', link.sandboxAddress, 'via', lanAddress);
      await using _server = await startEchoServer(neighbour, { host: neighbourAddress, port: 80 });
      const reach = async (): Promise<string> =>
        (await probeFromInside(inside, { host: neighbourAddress, port: 80 })).outcome;

      expect(await reach()).not.toBe('connected');
      const [obstacle, ...others] = findRouteObstacles(machine, prefix);
      expect(others).toEqual([]);
      expect(obstacle).toMatchObject({ firewall: firewall.name, blocks: 'forward' });
      await machine.run(obstacle?.fix ?? 'false');
      expect(await reach()).toBe('connected');
    }),
);
