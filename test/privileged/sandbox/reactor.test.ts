/** Whole sandboxes whose guest is a reactor with a driver of its own. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/log.ts';
import { createIptablesBackend } from '../../../src/network/firewalls/iptables.ts';
import { createNftablesBackend } from '../../../src/network/firewalls/nftables.ts';
import { createNamespace } from '../../../src/network/namespace.ts';
import { parseEgressRule } from '../../../src/network/egress.ts';
import { handoffTransport } from '../../../src/network/transports/handoff.ts';
import { createRedirectTransport } from '../../../src/network/transports/redirect.ts';
import { SOCK_STREAM, bindSocket, listenSocket, openSocket } from '../../../src/os/socket.ts';
import type { SandboxDefinition } from '../../../src/sandbox/definition.ts';
import type { ForwardEvent, SandboxEvent } from '../../../src/sandbox/events.ts';
import { namespaceIsolation } from '../../../src/sandbox/isolations/namespace.ts';
import { userNamespaceIsolation } from '../../../src/sandbox/isolations/user-namespace.ts';
import { virtualIsolation } from '../../../src/sandbox/isolations/virtual.ts';
import { Sandbox } from '../../../src/sandbox/sandbox.ts';
import type { SandboxOptions } from '../../../src/sandbox/sandbox.ts';
import type { EchoOptions } from '../../guests/echo-driver.ts';
import { eventually, newPrefix, remains } from '../../helpers/cli.ts';
import { defineHello } from '../../helpers/hello-sandbox.ts';
import { startLoad } from '../../helpers/load.ts';
import { ECHO_DRIVER, askAt } from '../../helpers/reactor.ts';

const AF_INET = 2;
const FIREWALLS = [createNftablesBackend(), createIptablesBackend()];

const definition = (
  prefix: string,
  options: EchoOptions,
  changes: Partial<SandboxDefinition> = {},
): SandboxDefinition =>
  defineHello(prefix, {
    driver: { path: ECHO_DRIVER, options: { ports: [3000], ...options } },
    tmpfs: ['/tmp'],
    ...changes,
  });

interface Started extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly events: readonly SandboxEvent[];
  readonly forward: ForwardEvent;
}

/** Starts a sandbox and waits until its forward is open. */
const start = async (
  definition: SandboxDefinition,
  changes: Partial<SandboxOptions> = {},
): Promise<Started> => {
  const events: SandboxEvent[] = [];
  const sandbox = await Sandbox.start(definition, {
    log: silentLog,
    isolations: [namespaceIsolation, userNamespaceIsolation, virtualIsolation],
    firewalls: FIREWALLS,
    transports: [...FIREWALLS.map((backend) => createRedirectTransport(backend)), handoffTransport],
    onEvent: (event) => events.push(event),
    captureOutput: true,
    ...changes,
  });
  const forward = (): ForwardEvent | undefined => events.find((event) => event.type === 'forward');
  expect(await eventually(() => forward() !== undefined), JSON.stringify(events)).toBe(true);
  return {
    sandbox,
    events,
    forward: forward()!,
    [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
  };
};

describe.each([
  ['namespace', 'nftables', {}],
  ['namespace', 'iptables', {}],
  ['namespace', 'handoff', {}],
  ['user-namespace', 'handoff', { user: undefined }],
  ['virtual', 'handoff', {}],
] as const)('in a %s, by %s', (isolation, transport, changes) => {
  // Which of them a server binds is its own choice.
  test.each(['127.0.0.1', '0.0.0.0'])('a reactor on %s serves, works and is stopped', async (address) => {
    const prefix = newPrefix();
    {
      const wanted = definition(prefix, { address }, { isolation, transport, ...changes });
      await using started = await start(wanted);
      const { forward, sandbox, events } = started;
      expect(forward).toMatchObject({ processPort: 3000, transport });
      expect(await askAt(forward.hostPort, '/')).toBe('Hello');
      expect(await askAt(forward.hostPort, '/mounts')).toBe('/tmp');
      expect(await askAt(forward.hostPort, '/scrypt/10')).toContain('"key"');
      // ECONNREFUSED: the rules say so.
      expect(await askAt(forward.hostPort, '/connect/203.0.113.1:80')).toBe('14');
      expect(await askAt(forward.hostPort, '/resolve/example.com')).toBe('unknown-name');
      expect(events).toContainEqual(expect.objectContaining({ type: 'refused', destination: 'example.com' }));
      sandbox.stop(143);
      expect(await sandbox.end()).toEqual({ status: 143, reason: 'stopped' });
    }
    expect(remains(prefix)).toEqual([]);
  });

  test('a new version takes its place, and no request fails', async () => {
    const prefix = newPrefix();
    {
      const define = (greeting: string): SandboxDefinition =>
        definition(prefix, { greeting }, { isolation, transport, ...changes });
      await using started = await start(define('1'), { onGuestEnd: () => {} });
      const { hostPort } = started.forward;
      await using fresh = startLoad(`http://127.0.0.1:${hostPort}/`);
      await using kept = startLoad(`http://127.0.0.1:${hostPort}/`, { how: 'keep-alive' });
      for (const [version, mode] of [
        ['2', 'overlap'],
        ['3', 'restart'],
        ['4', 'overlap'],
      ] as const) {
        await started.sandbox.replace({ definition: define(version), mode, graceMs: 2000 });
        expect(await eventuallyGreeted(hostPort, version)).toBe(true);
      }
      for (const load of [fresh, kept]) {
        const { counts } = await load.stop();
        expect(Object.keys(counts), JSON.stringify(counts)).toEqual(['200']);
      }
    }
    expect(remains(prefix)).toEqual([]);
  });
});

/** Who has taken over says so on every connection from some moment on. */
const eventuallyGreeted = async (hostPort: number, greeting: string): Promise<boolean> => {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if ((await askAt(hostPort, '/')) === greeting) return true;
  }
  return false;
};

describe('a connection to elsewhere', () => {
  const made = new AsyncDisposableStack();
  const worldPrefix = newPrefix();
  afterAll(async () => {
    await made.disposeAsync();
    expect(remains(worldPrefix)).toEqual([]);
  });

  /** A namespace with a public address (RFC 5737), where somebody greets. */
  const createWorld = async (): Promise<string> => {
    const last = 2 * randomInt(1, 120);
    const address = `198.51.100.${last + 1}`;
    const namespace = made.use(createNamespace(`${worldPrefix}-world`));
    namespace.connect({
      veth: `${worldPrefix}-w`,
      hostAddress: `198.51.100.${last}`,
      sandboxAddress: address,
    });
    const fd = namespace.run(() => {
      const socket = openSocket(AF_INET, SOCK_STREAM);
      bindSocket(socket, address, 443);
      listenSocket(socket, 16);
      return socket;
    });
    const server = createServer((socket) => socket.resume().end('welcome')).listen({ fd });
    await once(server, 'listening');
    made.defer(() => new Promise((resolve) => server.close(() => resolve())));
    return address;
  };

  test('is made where a rule allows it', async () => {
    const world = await createWorld();
    const prefix = newPrefix();
    {
      const outbound = { mode: 'allow-list' as const, rules: [parseEgressRule(`${world}:443`)] };
      await using started = await start(definition(prefix, {}, { outbound }));
      const { hostPort } = started.forward;
      const answers = await Promise.all(
        Array.from({ length: 30 }, () => askAt(hostPort, `/connect/${world}:443`)),
      );
      expect(new Set(answers)).toEqual(new Set(['welcome']));
      expect(await askAt(hostPort, `/connect/${world}:80`)).toBe('14');
    }
    expect(remains(prefix)).toEqual([]);
  });
});
