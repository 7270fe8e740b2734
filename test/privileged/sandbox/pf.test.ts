/** A whole sandbox with the transport of macOS, which on this system is asked for by name only here. */
import { expect, test } from 'vitest';
import { createNftablesBackend } from '../../../src/network/firewalls/nftables.ts';
import { createPfTransport } from '../../../src/network/transports/pf.ts';
import { createPfctl } from '../../../src/os/pfctl.ts';
import type { ForwardEvent } from '../../../src/sandbox/events.ts';
import { virtualIsolation } from '../../../src/sandbox/isolations/virtual.ts';
import { Sandbox } from '../../../src/sandbox/sandbox.ts';
import { newPrefix, remains } from '../../helpers/cli.ts';
import { createFakePfctl } from '../../helpers/fake-pfctl.ts';
import { defineHello } from '../../helpers/hello-sandbox.ts';

test.each([
  ['are followed: it carries the forwards', true, 'pf'],
  ['are not followed: handoff serves, and one line says so', false, 'handoff'],
] as const)('where the rules of pf %s', async (_, isFollowed, carrier) => {
  const prefix = newPrefix();
  using fake = createFakePfctl(isFollowed ? { table: `${prefix}_pf` } : {});
  const forwards: ForwardEvent[] = [];
  const lines: string[] = [];
  const opened = Promise.withResolvers<void>();
  {
    await using sandbox = await Sandbox.start(
      defineHello(prefix, {
        isolation: 'virtual',
        transport: 'pf',
        forwards: [3000, 3000].map((processPort) => ({
          protocol: 'tcp',
          addresses: ['127.0.0.1', '::1'],
          hostPort: 0,
          processPort,
        })),
      }),
      {
        log: { detail() {}, info: (line) => void lines.push(line), warn() {} },
        isolations: [virtualIsolation],
        firewalls: [createNftablesBackend()],
        transports: [createPfTransport(createPfctl(fake.path))],
        captureOutput: true,
        onEvent: (event) => {
          if (event.type !== 'forward') return;
          forwards.push(event);
          if (forwards.length === 2) opened.resolve();
        },
      },
    );
    await Promise.race([opened.promise, sandbox.end().then(() => opened.reject(new Error('it ended')))]);
    expect(forwards.map(({ transport }) => transport)).toEqual([carrier, carrier]);
    const [{ hostPort, landingPort } = { hostPort: 0, landingPort: 0 }] = sandbox.forwards;
    for (const host of ['127.0.0.1', '[::1]']) {
      expect(await (await fetch(`http://${host}:${hostPort}`)).text()).toContain('Hello');
    }
    expect(await (await fetch(`http://127.0.0.1:${landingPort}`)).text()).toContain('Hello');
    const redirected = Object.values(fake.state().anchors).flat();
    expect(redirected.map(({ port, targetPort }) => ({ port, targetPort }))).toEqual(
      isFollowed
        ? sandbox.forwards.map((held) => ({ port: held.hostPort, targetPort: held.landingPort }))
        : [],
    );
    expect(lines).toEqual(
      isFollowed ? [] : [expect.stringMatching(/^pf is not available \(.*not follow.*\); using handoff$/)],
    );
  }
  expect(fake.state()).toMatchObject({ anchors: {}, tokens: [] });
  expect(remains(prefix)).toEqual([]);
});
