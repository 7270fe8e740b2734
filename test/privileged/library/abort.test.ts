/** An AbortSignal ends whatever it was given to, and nothing is left of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Sandbox } from '../../../src/index.ts';
import { remains } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { newScope } from './scope.ts';

const HELLO = guestPath('hello-wasmedge');

test('a signal that is aborted already starts nothing', async () => {
  using scope = newScope();
  const reason = new Error('changed my mind');
  const starting = Sandbox.start({ app: HELLO, prefix: scope.prefix, signal: AbortSignal.abort(reason) });
  await expect(starting).rejects.toBe(reason);
});

// Moments of a start, in ms: while the app is read, the namespace made, the engine booted, its listener waited for.
test.each([0, 5, 20, 40, 80, 120, 200, 400])('aborted after %i ms, a start leaves nothing', async (ms) => {
  using scope = newScope();
  const { prefix } = scope;
  const aborting = new AbortController();
  const { signal } = aborting;
  const reason = new Error('too late');
  const starting = Sandbox.start({
    app: guestPath('nolisten-wasmedge'),
    args: ['60', '3000'],
    forwards: ['3000'],
    prefix,
    signal,
  });
  void sleep(ms).then(() => aborting.abort(reason));
  await expect(starting).rejects.toBe(reason);
  expect(remains(prefix)).toEqual([]);
});

test('aborted later, the sandbox is stopped', async () => {
  using scope = newScope();
  const { prefix } = scope;
  const aborting = new AbortController();
  const { signal } = aborting;
  await using sandbox = await Sandbox.start({ app: HELLO, forwards: ['3000'], prefix, signal });
  aborting.abort();
  expect(await sandbox.end()).toEqual({ status: 143, reason: 'stopped' });
  expect(remains(prefix)).toEqual([]);
});

test('whatever is waited for can be given up; the sandbox goes on', async () => {
  using scope = newScope();
  const { prefix } = scope;
  await using sandbox = await Sandbox.start({ app: HELLO, forwards: ['3000'], prefix });
  await using found = await Sandbox.connect(sandbox.name, { prefix });
  const reason = new Error('enough');
  for (const each of [sandbox, found]) {
    const aborting = new AbortController();
    const waiting = each.end({ signal: aborting.signal });
    aborting.abort(reason);
    await expect(waiting).rejects.toBe(reason);

    const { signal } = aborting;
    await expect(each.refresh({ signal })).rejects.toBe(reason);
    await expect(each.expose({ processPort: 3000, signal })).rejects.toBe(reason);
    await expect(each.unexpose(each.info.forwards[0]!, { signal })).rejects.toBe(reason);
    await expect(each.reload({ signal })).rejects.toBe(reason);
    await expect(each.stop({ signal })).rejects.toBe(reason);
    for await (const event of each.events({ signal })) expect(event).toBeUndefined();
  }
  await expect(Sandbox.connect(sandbox.name, { prefix, signal: AbortSignal.abort(reason) })).rejects.toBe(
    reason,
  );
  await expect(Sandbox.list({ prefix, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect((await sandbox.refresh()).forwards).toHaveLength(1);
  expect(sandbox.info.state).toBe('running');
});

test('a forward whose opening is aborted is closed again', async () => {
  using scope = newScope();
  await using sandbox = await Sandbox.start({ app: HELLO, forwards: ['3000'], prefix: scope.prefix });
  const aborting = new AbortController();
  const exposing = sandbox.expose({ processPort: 3000, signal: aborting.signal });
  aborting.abort(new Error('not that one'));
  await expect(exposing).rejects.toThrow('not that one');
  expect((await sandbox.refresh()).forwards).toHaveLength(1);
});

test('following a log and events ends when it is aborted', async () => {
  using scope = newScope();
  await using sandbox = await Sandbox.start({ app: HELLO, forwards: ['3000'], prefix: scope.prefix });
  const aborting = new AbortController();
  const { signal } = aborting;
  const texts: string[] = [];
  const events: string[] = [];
  const reading = Promise.all([
    (async () => {
      for await (const { text } of sandbox.logs({ follow: true, signal })) texts.push(text);
    })(),
    (async () => {
      for await (const { type } of sandbox.events({ signal })) events.push(type);
    })(),
  ]);
  await sandbox.expose({ processPort: 3000 });
  await sleep(0);
  aborting.abort();
  await reading;
  expect(texts).toEqual([expect.stringContaining('listening')]);
  expect(events).toEqual(['forward']);
});
