/** Against a fake pfctl, see fake-pfctl-program.ts; what redirecting does is in test/privileged/network/pf.test.ts. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HeldForward, Target } from '../../../../src/network/transport.ts';
import { createPfTransport } from '../../../../src/network/transports/pf.ts';
import { createPfctl } from '../../../../src/os/pfctl.ts';
import { createFakePfctl, type FakePfctl } from '../../../helpers/fake-pfctl.ts';

const TARGET: Target = { name: 'wasmrun-web' };
const FORWARD: HeldForward = {
  addresses: ['127.0.0.1', '::1'],
  hostPort: 8080,
  processPort: 3000,
  protocol: 'tcp',
  landingPort: 49_731,
};

const setUp = (...options: Parameters<typeof createFakePfctl>) => {
  const fake = createFakePfctl(...options);
  onTestFinished(() => fake[Symbol.dispose]());
  return { fake, transport: createPfTransport(createPfctl(fake.path)) };
};

const argumentsOf = (fake: FakePfctl): string[] => fake.calls().map(({ args }) => args.join(' '));

describe('whether pf can be used', () => {
  it.each([{}, { statusOutput: 'Status: Disabled                              Debug: Urgent\n' }])(
    'is told by its status, on or off',
    async (options) => {
      const { fake, transport } = setUp(options);
      expect(await transport.probe()).toEqual({ ok: true });
      expect(argumentsOf(fake)).toEqual(['-s info']);
    },
  );

  it('is refused to an ordinary user', async () => {
    const { transport } = setUp({ isDenied: true });
    const refusal = { ok: false, reason: 'pf needs root', hint: 'run wasmrun with sudo' };
    expect(await transport.probe()).toEqual(refusal);
    await expect(transport.open(FORWARD, TARGET)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  it('is refused where there is no pfctl', async () => {
    const { ok, ...rest } = await createPfTransport(createPfctl('/nonexistent/pfctl')).probe();
    expect(ok).toBe(false);
    expect(rest).toMatchObject({ reason: 'there is no pfctl', hint: expect.stringContaining('macOS') });
  });

  it('is refused where pfctl says something else', async () => {
    const { transport } = setUp({ statusOutput: 'pf says hello\n' });
    expect(await transport.probe()).toMatchObject({
      ok: false,
      reason: 'pfctl tells no status: "pf says hello"',
    });
  });
});

describe('rules that are loaded but not followed', () => {
  it('are found out by a canary and removed; the held listener serves', async () => {
    const { fake, transport } = setUp();
    const opened = await transport.open(FORWARD, TARGET);
    expect(opened.fallback).toMatchObject({ name: 'pf', reason: expect.stringContaining('not follow') });
    expect(argumentsOf(fake)).toEqual([
      '-E',
      '-a com.apple/wasmrun-web -f -',
      '-a com.apple/wasmrun-web -F nat',
      '-X 15053025338191571182',
    ]);
    // The canary only: its ports are of the moment, none of them is the forward's.
    const [, load] = fake.calls();
    expect(load?.input).toMatch(
      /^rdr pass on lo0 inet proto tcp from any to 127\.0\.0\.1 port \d+ -> 127\.0\.0\.1 port \d+\n$/,
    );
    expect(load?.input).not.toMatch(/8080|49731/);
    expect(fake.state()).toMatchObject({ anchors: {}, tokens: [] });
    await opened[Symbol.asyncDispose]();

    const again = await transport.open({ ...FORWARD, hostPort: 8081 }, TARGET);
    expect(again.fallback).toEqual(opened.fallback);
    expect(fake.calls().length).toBe(4);
  });
});

describe('what goes wrong', () => {
  it('is told in the words of pfctl when it gives no token', async () => {
    const { fake, transport } = setUp({ enableOutput: 'pf enabled, have a nice day\n' });
    await expect(transport.open(FORWARD, TARGET)).rejects.toMatchObject({
      code: 'NETWORK_SETUP_FAILED',
      message: expect.stringMatching(/^cannot switch pf on: .* -E answers in words .*have a nice day/),
      hint: expect.stringContaining('--transport handoff'),
    });
    expect(argumentsOf(fake)).toEqual(['-E']);
  });

  it('leaves nothing loaded and no reference when the anchor cannot be loaded', async () => {
    using fake = createFakePfctl();
    const real = createPfctl(fake.path);
    // Without its newline, as pfctl really refuses it.
    const careless = { ...real, load: (anchor: string, rules: string) => real.load(anchor, rules.trimEnd()) };
    await expect(createPfTransport(careless).open(FORWARD, TARGET)).rejects.toMatchObject({
      code: 'NETWORK_SETUP_FAILED',
      message: expect.stringMatching(
        /^cannot load the pf anchor com\.apple\/wasmrun-web: .*stdin:1: syntax error/s,
      ),
    });
    expect(fake.state()).toMatchObject({ anchors: {}, tokens: [] });
  });

  it('is a bug where no second port is held', async () => {
    const { landingPort: _, ...forward } = FORWARD;
    const { fake, transport } = setUp();
    await expect(transport.open(forward, TARGET)).rejects.toThrow('second port');
    expect(fake.calls()).toEqual([]);
  });

  it('is not a reference that somebody else gave back', async () => {
    using fake = createFakePfctl();
    const pfctl = createPfctl(fake.path);
    const token = await pfctl.enable();
    const other = await pfctl.enable();
    await pfctl.release(token);
    await pfctl.release(token); // pf: token invalid
    await pfctl.release(other);
    await pfctl.release(other); // pf not enabled
    expect(fake.state().tokens).toEqual([]);
  });
});

it.each([
  ['addresses pf is not for', { addresses: ['::1', '192.0.2.1'] }],
  ['UDP, which is relayed from the first socket', { protocol: 'udp' }],
] as const)('has nothing to do for %s', async (_, changes) => {
  const { fake, transport } = setUp();
  const forward = { ...FORWARD, ...changes };
  expect(transport.carries(forward)).toBe(false);
  await using _open = await transport.open(forward, TARGET);
  expect(fake.calls()).toEqual([]);
});
