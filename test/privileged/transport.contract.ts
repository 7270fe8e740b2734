/** What every transport must do, whatever carries the connections; run it with each of them. */
import { describe, expect, it } from 'vitest';
import { Firewall, type FirewallBackend } from '../../src/network/firewall.ts';
import { type HeldPort, holdHostPort } from '../../src/network/host-listener.ts';
import type { HeldForward, Target, Transport } from '../../src/network/transport.ts';
import {
  converse,
  createSandbox,
  expectNothingLeft,
  probeFromInside,
  randomPrefix,
  startEchoServer,
  type TestSandbox,
} from './network/test-network.ts';

const LOCALHOST = ['127.0.0.1', '::1'];
const PROCESS_PORT = 3000;

export interface ContractOptions {
  readonly create: () => Transport;
  /** The wall the sandboxes stand behind. */
  readonly firewall: FirewallBackend;
  /** Where the app sees a connection to `127.0.0.1:hostPort` arrive. */
  readonly arrival: (lab: Pick<Lab, 'sandbox' | 'held' | 'landing'>) => string;
  /** Removes the transport's rules as another program would; by default those of the wall. */
  readonly flush?: (prefix: string) => Promise<void>;
}

interface Lab extends AsyncDisposable {
  readonly prefix: string;
  readonly sandbox: TestSandbox;
  readonly target: Target;
  readonly held: HeldPort;
  /** The second port, for transports that need one. */
  readonly landing: HeldPort | undefined;
  readonly forward: HeldForward;
  readonly transport: Transport;
}

/** A sandbox whose app accepts from its own listener and, as the engine does, from the held ones. */
const openLab = async ({ create, firewall: backend }: ContractOptions): Promise<Lab> => {
  const prefix = randomPrefix();
  const stack = new AsyncDisposableStack();
  stack.use(expectNothingLeft(prefix));
  const firewall = new Firewall(backend, prefix);
  stack.defer(() => backend.remove(prefix));
  const sandbox = stack.use(createSandbox(prefix, 0));
  stack.use(await firewall.admit(sandbox.link));
  const held = stack.use(holdHostPort({ addresses: LOCALHOST, port: 0 }));
  const transport = create();
  const landing =
    transport.needsLandingPort === undefined
      ? undefined
      : stack.use(holdHostPort({ addresses: ['127.0.0.1'], port: 0 }));
  const inherited = [...held.listeners, ...(landing?.listeners ?? [])].map(({ fd }) => fd);
  stack.use(await startEchoServer(sandbox.namespace, { host: '0.0.0.0', port: PROCESS_PORT, inherited }));
  return {
    prefix,
    sandbox,
    target: { name: sandbox.namespace.name, link: sandbox.link, firewall },
    held,
    landing,
    forward: {
      addresses: LOCALHOST,
      hostPort: held.hostPort,
      processPort: PROCESS_PORT,
      protocol: 'tcp',
      ...(landing !== undefined && { landingPort: landing.hostPort }),
    },
    transport,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

export const describeTransport = (title: string, options: ContractOptions): void => {
  const { create, arrival, firewall: backend } = options;
  describe(`the transport ${title}`, () => {
    it('has a name and works here', async () => {
      const transport = create();
      expect(title).toContain(transport.name);
      expect(await transport.probe()).toEqual({ ok: true });
    });

    it('carries connections to every held address into the sandbox', async () => {
      await using lab = await openLab(options);
      await using _ = await lab.transport.open(lab.forward, lab.target);
      using v4 = await converse('127.0.0.1', lab.held.hostPort);
      expect(v4.servedAt).toBe(arrival(lab));
      expect(await v4.echo('over 127.0.0.1')).toBe('over 127.0.0.1');
      using v6 = await converse('::1', lab.held.hostPort);
      expect(v6.servedAt).toBe(`::1:${lab.held.hostPort}`);
      expect(await v6.echo('over ::1')).toBe('over ::1');
    });

    it('serves the host only: not the sandbox itself, not another one', async () => {
      await using lab = await openLab(options);
      await using _ = await lab.transport.open(lab.forward, lab.target);
      await using other = createSandbox(lab.prefix, 1);
      await using _member = await new Firewall(backend, lab.prefix).admit(other.link);
      const port = lab.held.hostPort;
      for (const { namespace, link } of [lab.sandbox, other]) {
        for (const host of ['127.0.0.1', link.hostAddress]) {
          expect((await probeFromInside(namespace, { host, port })).outcome).toBe('ECONNREFUSED');
        }
      }
    });

    it('lets established connections go on when it is closed', async () => {
      await using lab = await openLab(options);
      const open = await lab.transport.open(lab.forward, lab.target);
      using conversation = await converse('127.0.0.1', lab.held.hostPort);
      await open[Symbol.asyncDispose]();
      expect(await conversation.echo('still here')).toBe('still here');
    });

    it('can be closed twice and opened again', async () => {
      await using lab = await openLab(options);
      for (const round of ['first', 'second']) {
        const open = await lab.transport.open(lab.forward, lab.target);
        using conversation = await converse('127.0.0.1', lab.held.hostPort);
        expect(await conversation.echo(round)).toBe(round);
        await open[Symbol.asyncDispose]();
        await open[Symbol.asyncDispose]();
      }
    });

    it('survives that someone flushes the rules: the held listener serves on', async () => {
      await using lab = await openLab(options);
      await using _ = await lab.transport.open(lab.forward, lab.target);
      await (options.flush?.(lab.prefix) ?? backend.remove(lab.prefix));
      using conversation = await converse('127.0.0.1', lab.held.hostPort);
      expect(conversation.servedAt).toBe(`127.0.0.1:${lab.held.hostPort}`);
    });

    it('refuses connections once it is closed and the port given up', async () => {
      let port = 0;
      {
        await using lab = await openLab(options);
        await using _ = await lab.transport.open(lab.forward, lab.target);
        port = lab.held.hostPort;
      }
      for (const host of LOCALHOST) await expect(converse(host, port)).rejects.toThrow('ECONNREFUSED');
    });
  });
};
