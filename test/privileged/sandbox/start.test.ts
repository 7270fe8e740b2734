import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/log.ts';
import { createIptablesBackend } from '../../../src/network/firewalls/iptables.ts';
import { createNftablesBackend } from '../../../src/network/firewalls/nftables.ts';
import { handoffTransport } from '../../../src/network/transports/handoff.ts';
import { createRedirectTransport } from '../../../src/network/transports/redirect.ts';
import type { SandboxDefinition } from '../../../src/sandbox/definition.ts';
import type { SandboxEvent } from '../../../src/sandbox/events.ts';
import { Sandbox } from '../../../src/sandbox/sandbox.ts';
import { namespaceIsolation } from '../../../src/sandbox/isolations/namespace.ts';
import { userNamespaceIsolation } from '../../../src/sandbox/isolations/user-namespace.ts';
import { virtualIsolation } from '../../../src/sandbox/isolations/virtual.ts';
import type { SandboxOptions } from '../../../src/sandbox/sandbox.ts';
import type { SandboxStep } from '../../../src/sandbox/start.ts';
import { childrenOf, eventually, newPrefix, openDescriptors, remains } from '../../helpers/cli.ts';
import { defineHello } from '../../helpers/hello-sandbox.ts';

const STEPS: readonly SandboxStep[] = [
  'ports',
  'record',
  'namespace',
  'engine',
  'link',
  'firewall',
  'transport',
  'go',
];

const NFTABLES = createNftablesBackend();
const IPTABLES = createIptablesBackend();

const options = (changes: Partial<SandboxOptions> = {}): SandboxOptions => ({
  log: silentLog,
  isolations: [namespaceIsolation, userNamespaceIsolation, virtualIsolation],
  firewalls: [NFTABLES],
  transports: [createRedirectTransport(NFTABLES), handoffTransport],
  onEvent: () => {},
  captureOutput: true,
  ...changes,
});

const isRefused = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => socket.destroy() && resolve(false));
    socket.on('error', () => resolve(true));
  });

test('a wanted transport is asked once whether it works', async () => {
  let asked = 0;
  const redirect = createRedirectTransport(NFTABLES);
  const transport = { ...redirect, probe: () => ((asked += 1), redirect.probe()) };
  const prefix = newPrefix();
  {
    const changes = options({ transports: [transport] });
    await using _ = await Sandbox.start(defineHello(prefix, { transport: 'nftables' }), changes);
  }
  expect(asked).toBe(1);
  expect(remains(prefix)).toEqual([]);
});

/** Each way to keep a sandbox apart, as it is tried in turn. */
const ISOLATIONS = [
  ['namespace', {}],
  ['user-namespace', { isolation: 'user-namespace', user: undefined }],
  ['virtual', { isolation: 'virtual' }],
] as const satisfies [string, Partial<SandboxDefinition>][];

describe.each(ISOLATIONS)('a start that fails (%s)', (_name, isolation) => {
  test.each(STEPS)('after the step "%s" leaves nothing behind', async (failing) => {
    const prefix = newPrefix();
    const before = openDescriptors();
    const seen: SandboxStep[] = [];
    const failure = new Error(`injected after ${failing}`);
    const onStep = (step: SandboxStep): void => {
      seen.push(step);
      if (step === failing) throw failure;
    };

    const addresses = ['127.0.0.1', '::1'];
    const forwards = (['tcp', 'udp'] as const).map((protocol) => ({
      protocol,
      addresses,
      hostPort: 0,
      processPort: 3000,
    }));
    await expect(
      Sandbox.start(defineHello(prefix, { ...isolation, forwards }), options({ onStep })),
    ).rejects.toBe(failure);

    expect(seen).toEqual(STEPS.slice(0, STEPS.indexOf(failing) + 1));
    expect(remains(prefix)).toEqual([]);
    expect(childrenOf(process.pid)).toEqual([]);
    // libnftables keeps its netlink socket; nothing may grow beyond that.
    expect(openDescriptors() - before).toBeLessThanOrEqual(4);
  });

  test('does not leak a descriptor per attempt', async () => {
    const prefix = newPrefix();
    const attempt = (): Promise<unknown> =>
      Sandbox.start(
        defineHello(prefix, isolation),
        options({
          onStep: (step) => {
            if (step === 'transport') throw new Error('injected');
          },
        }),
      ).catch(() => {});
    await attempt();
    await eventually(() => childrenOf(process.pid).length === 0);
    const before = openDescriptors();
    for (let round = 0; round < 5; round += 1) await attempt();
    expect(await eventually(() => openDescriptors() <= before)).toBe(true);
  });

  test('because the module is none, with the namespace already there', async () => {
    const prefix = newPrefix();
    const module = new URL(import.meta.url).pathname;
    await expect(
      Sandbox.start(defineHello(prefix, { ...isolation, module }), options()),
    ).rejects.toMatchObject({
      code: 'MODULE_INVALID',
      exitStatus: 126,
    });
    expect(remains(prefix)).toEqual([]);
  });

  test('because a mounted directory does not exist', async () => {
    const prefix = newPrefix();
    const directories = [{ hostPath: '/nowhere/at/all', guestPath: '/data', readOnly: true }];
    await expect(
      Sandbox.start(defineHello(prefix, { ...isolation, directories }), options()),
    ).rejects.toMatchObject({
      code: 'MOUNT_FAILED',
    });
    expect(remains(prefix)).toEqual([]);
  });
});

describe('a running sandbox', () => {
  test('serves, ends when disposed in the middle, and leaves nothing', async () => {
    const prefix = newPrefix();
    const opened = Promise.withResolvers<Extract<SandboxEvent, { type: 'forward' }>>();
    let hostPort = 0;
    {
      await using _sandbox = await Sandbox.start(
        defineHello(prefix),
        options({
          onEvent: (event) => {
            if (event.type === 'forward') opened.resolve(event);
          },
        }),
      );
      const forward = await opened.promise;
      hostPort = forward.hostPort;
      expect(forward).toMatchObject({
        processPort: 3000,
        transport: 'nftables',
        addresses: ['127.0.0.1', '::1'],
      });
      for (const host of ['127.0.0.1', '[::1]']) {
        const answer = await fetch(`http://${host}:${hostPort}/`);
        expect(await answer.text()).toBe('Hello from inside the sandbox\n');
      }
    }
    expect(remains(prefix)).toEqual([]);
    expect(childrenOf(process.pid)).toEqual([]);
    expect(await isRefused(hostPort)).toBe(true);
  });

  test('has a name of its own: a derived one gets a number, a chosen one is refused', async () => {
    const prefix = newPrefix();
    {
      await using first = await Sandbox.start(defineHello(prefix), options());
      await using second = await Sandbox.start(defineHello(prefix), options());
      expect([first.name, second.name]).toEqual(['hello', 'hello-2']);
      await expect(
        Sandbox.start(defineHello(prefix, { nameIsExplicit: true }), options()),
      ).rejects.toMatchObject({
        code: 'NAME_IN_USE',
        exitStatus: 125,
        message: `a sandbox named hello is already running (pid ${process.pid})`,
      });
    }
    expect(remains(prefix)).toEqual([]);
  });

  test('does not take a host port away from another', async () => {
    const prefix = newPrefix();
    const opened = Promise.withResolvers<number>();
    await using _first = await Sandbox.start(
      defineHello(prefix),
      options({
        onEvent: (event) => {
          if (event.type === 'forward') opened.resolve(event.hostPort);
        },
      }),
    );
    const hostPort = await opened.promise;
    const forwards = [
      { protocol: 'tcp' as const, addresses: ['127.0.0.1', '::1'], hostPort, processPort: 3000 },
    ];
    await expect(Sandbox.start(defineHello(prefix, { forwards }), options())).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`host port ${hostPort} is already in use by`),
    });
    expect(await (await fetch(`http://127.0.0.1:${hostPort}/`)).text()).toBe(
      'Hello from inside the sandbox\n',
    );
  });

  test('joins the wall that stands, whatever is preferred; another one is refused', async () => {
    const prefix = newPrefix();
    {
      const both = {
        firewalls: [NFTABLES, IPTABLES],
        transports: [createRedirectTransport(NFTABLES), createRedirectTransport(IPTABLES), handoffTransport],
      };
      const used: string[] = [];
      const refusals: string[] = [];
      const start = (transport: SandboxDefinition['transport']): Promise<Sandbox> => {
        const onEvent = (event: SandboxEvent): void => {
          if (event.type === 'forward') used.push(event.transport);
        };
        const log = { ...silentLog, info: (message: string) => void refusals.push(message) };
        return Sandbox.start(defineHello(prefix, { transport }), options({ ...both, onEvent, log }));
      };
      await using _first = await start('iptables');
      await using _second = await start('auto');
      expect(await eventually(() => used.length === 2)).toBe(true);
      expect(used).toEqual(['iptables', 'iptables']);
      expect(refusals).toEqual([expect.stringContaining('the sandboxes beside it stand behind iptables')]);
      await expect(start('nftables')).rejects.toMatchObject({ code: 'NO_TRANSPORT' });
      await using third = await start('handoff');
      expect(await eventually(() => used.length === 3)).toBe(true);
      expect(third.forwards).toHaveLength(1);
      expect(remains(prefix).filter((line) => line.includes('table inet'))).toEqual([]);
    }
    expect(remains(prefix)).toEqual([]);
  });

  test('40 starts at once get 40 addresses and names', async () => {
    const prefix = newPrefix();
    {
      await using all = new AsyncDisposableStack();
      const events: Extract<SandboxEvent, { type: 'started' }>[] = [];
      const onEvent = (event: SandboxEvent): void => {
        if (event.type === 'started') events.push(event);
      };
      const starts = Array.from({ length: 40 }, async () =>
        all.use(await Sandbox.start(defineHello(prefix), options({ onEvent }))),
      );
      await Promise.all(starts);
      expect(new Set(events.map(({ address }) => address)).size).toBe(40);
      expect(new Set(events.map(({ name }) => name)).size).toBe(40);
    }
    expect(remains(prefix)).toEqual([]);
  });
});
