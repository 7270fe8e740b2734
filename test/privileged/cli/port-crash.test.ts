/** What a supervisor has acknowledged survives its death by SIGKILL, whenever that comes. */
import { expect, test } from 'vitest';
import { ControlClient } from '../../../src/sandbox/control/control-client.ts';
import { eventually, isRunning } from '../../helpers/cli.ts';
import { detachedSandboxes } from '../../helpers/detached.ts';
import { guestPath } from '../../helpers/engine.ts';

const ROUNDS = 8;

test('no forward that was opened or closed is forgotten when the supervisor is killed', async () => {
  await using sandboxes = detachedSandboxes();
  const { run, json, prefix } = sandboxes;
  await run('os', guestPath('hello-wasmedge'), '--detach', '--name', 'web');
  const client = new ControlClient('web', `/run/wasmrun/${prefix}/web.sock`);
  let acknowledged = new Set<number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const { pid } = await client.info();
    /** The change that was asked for last; whether it was made nobody knows. */
    let undecided: number | undefined;
    const death = setTimeout(() => process.kill(pid, 'SIGKILL'), 20 + Math.random() * 150);
    try {
      for (;;) {
        const [first] = acknowledged;
        if (first !== undefined && acknowledged.size > 3) {
          undecided = first;
          await client.close({ protocol: 'tcp', hostPort: first, processPort: 3000 });
          acknowledged.delete(first);
        } else {
          undecided = undefined;
          const { hostPort } = await client.expose({ protocol: 'tcp', processPort: 3000 });
          acknowledged.add(hostPort);
        }
      }
    } catch (error) {
      expect(error).toMatchObject({ code: 'SANDBOX_NOT_RUNNING' });
    }
    clearTimeout(death);
    expect(await eventually(() => !isRunning(pid))).toBe(true);

    const { data } = await json('ps', '--all');
    const [web] = (data as unknown as PsData).sandboxes;
    const kept = new Set(web!.forwards.map(({ host_port }) => host_port));
    const missing = acknowledged.difference(kept);
    const surplus = kept.difference(acknowledged);
    expect([...missing].filter((port) => port !== undecided)).toEqual([]);
    // At most the one that was just being opened.
    expect(surplus.size).toBeLessThanOrEqual(1);
    const started = await run('start', 'web');
    expect(started).toMatchObject({ status: 0 });
    acknowledged = new Set((await client.info()).forwards.map(({ hostPort }) => hostPort));
    expect(acknowledged).toEqual(kept);
  }
});

interface PsData {
  readonly sandboxes: readonly { readonly forwards: readonly { readonly host_port: number }[] }[];
}
