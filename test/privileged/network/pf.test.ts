/**
 * The transport of macOS where its rules are followed: nftables of this machine does what a fake pfctl was told
 * (see test/helpers/fake-pfctl-program.ts). Everything else, canary included, is real.
 */
import { execFileSync } from 'node:child_process';
import { expect, it, onTestFinished } from 'vitest';
import { createNftablesBackend } from '../../../src/network/firewalls/nftables.ts';
import { holdHostPort } from '../../../src/network/host-listener.ts';
import type { Target } from '../../../src/network/transport.ts';
import { createPfTransport } from '../../../src/network/transports/pf.ts';
import { createPfctl } from '../../../src/os/pfctl.ts';
import { createFakePfctl } from '../../helpers/fake-pfctl.ts';
import { describeTransport } from '../transport.contract.ts';
import { expectNothingLeft, linesOf, randomPrefix } from './test-network.ts';

const run = randomPrefix();
const table = `${run}_pf`;

/** Removes everything the fake has loaded, as `pfctl -F all` of somebody else would. */
const flush = async (): Promise<void> => void execFileSync('nft', ['flush', 'table', 'ip', table]);

describeTransport('pf, played by nftables', {
  create: () => {
    const fake = createFakePfctl({ table });
    onTestFinished(() => {
      expect(fake.state()).toMatchObject({ anchors: {}, tokens: [] });
      fake[Symbol.dispose]();
    });
    return createPfTransport(createPfctl(fake.path));
  },
  firewall: createNftablesBackend(),
  // pf has sent it to the second port.
  arrival: ({ landing }) => `127.0.0.1:${landing?.hostPort}`,
  flush,
});

it('keeps one reference and one anchor for all forwards of a sandbox, and gives both back with the last', async () => {
  using _nothingLeft = expectNothingLeft(run);
  using fake = createFakePfctl({ table });
  const transport = createPfTransport(createPfctl(fake.path));
  const target: Target = { name: `${run}-web` };
  const forward = { addresses: ['127.0.0.1'], processPort: 3000, protocol: 'tcp' } as const;
  await using first = holdHostPort({ addresses: ['127.0.0.1'], port: 0 });
  await using second = holdHostPort({ addresses: ['127.0.0.1'], port: 0 });
  const [one, two] = await Promise.all(
    [first, second].map(({ hostPort }, index) =>
      transport.open({ ...forward, hostPort, landingPort: 40_000 + index }, target),
    ),
  );
  const anchor = `com.apple/${run}-web`;
  const ports = (): number[] => (fake.state().anchors[anchor] ?? []).map(({ port }) => port);
  expect(one?.fallback).toBeUndefined();
  expect(ports()).toEqual([first.hostPort, second.hostPort]);
  expect(linesOf('nft', 'list', 'table', 'ip', table).join('\n')).toContain(`:40001`);

  await one?.[Symbol.asyncDispose]();
  expect(ports()).toEqual([second.hostPort]);
  expect(fake.state().tokens.length).toBe(1);
  await two?.[Symbol.asyncDispose]();
  await two?.[Symbol.asyncDispose]();
  expect(fake.state()).toMatchObject({ anchors: {}, tokens: [] });
  const calls = fake.calls().map(({ args }) => (args.at(-2) === '-F' ? '-F' : args.at(0)));
  // On, the canary, one forward, both, one again, none, off.
  expect(calls).toEqual(['-E', '-a', '-a', '-a', '-a', '-F', '-X']);
});
