/**
 * Forwards of a running sandbox opened and closed, over its control socket, against `nft add element` and
 * `nft delete element` alone: the same change of the kernel's, without holding the host port, without asking anybody,
 * without writing anything down. In turns. The sandbox is a detached one, whose definition reaches the disk at each
 * change. Also whether the supervisor grows. Needs root and nftables.
 *
 *   npm run bench -- ports [--cycles 1000] [--markdown]
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ControlClient } from '../src/sandbox/control/control-client.ts';
import { newPrefix, runCli } from '../test/helpers/cli.ts';
import { guestPath } from '../test/helpers/engine.ts';
import { memoryOf } from './process-memory.ts';
import { median, pairedRatio, printPromises, printTable, ratio } from './table.ts';

const { values } = parseArgs({
  options: { cycles: { type: 'string', default: '1000' }, markdown: { type: 'boolean', default: false } },
});
const CYCLES = Number(values.cycles);
/** Cycles after which everything that is loaded once has been loaded, and V8's heap has the size that it keeps. */
const WARM_UP = 1000;
/** V8 gives memory back when nothing happens for some seconds. */
const IDLE_MS = 10_000;
const prefix = newPrefix();
const table = `${prefix}x`;

const nft = (...args: readonly string[]): void => void execFileSync('nft', args, { stdio: 'ignore' });

const timed = async (action: () => unknown): Promise<number> => {
  const start = performance.now();
  await action();
  return performance.now() - start;
};

nft('add', 'table', 'inet', table);
nft('add', 'map', 'inet', table, 'forwards', '{ type inet_service : ipv4_addr . inet_service ; }');
const detached = ['os', guestPath('hello-wasmedge'), '--detach', '--name', 'web', '--transport', 'nftables'];
const { status, stderr } = await runCli(detached, { prefix });
if (status !== 0) throw new Error(stderr);
const client = new ControlClient('web', `/run/wasmrun/${prefix}/web.sock`);
try {
  const { pid } = await client.info();
  const ours = { expose: [] as number[], close: [] as number[] };
  const theirs = { add: [] as number[], remove: [] as number[] };
  const sizes: { readonly rss: number; readonly descriptors: number }[] = [];
  const noteSize = async (): Promise<void> => {
    await sleep(IDLE_MS);
    sizes.push({ rss: memoryOf(pid).rss, descriptors: readdirSync(`/proc/${pid}/fd`).length });
  };
  for (let cycle = 0; cycle < WARM_UP + CYCLES; cycle += 1) {
    let hostPort = 0;
    const request = { protocol: 'tcp', processPort: 3000, addresses: ['127.0.0.1'] } as const;
    const expose = await timed(async () => ({ hostPort } = await client.expose(request)));
    const add = await timed(() =>
      nft('add', 'element', 'inet', table, 'forwards', '{ 8080 : 10.0.0.1 . 3000 }'),
    );
    const close = await timed(() => client.close({ protocol: 'tcp', hostPort, processPort: 3000 }));
    const remove = await timed(() => nft('delete', 'element', 'inet', table, 'forwards', '{ 8080 }'));
    if (cycle < WARM_UP) continue;
    if (cycle === WARM_UP) await noteSize();
    ours.expose.push(expose);
    ours.close.push(close);
    theirs.add.push(add);
    theirs.remove.push(remove);
  }
  await noteSize();
  const cycles = ours.expose.map((ms, index) => ms + ours.close[index]!);
  const both = pairedRatio(cycles, theirs.add);
  printTable(
    ['', 'ours : nft', 'nft'],
    [
      ['expose', ratio(pairedRatio(ours.expose, theirs.add)), `${median(theirs.add).toFixed(1)} ms`],
      ['close', ratio(pairedRatio(ours.close, theirs.remove)), `${median(theirs.remove).toFixed(1)} ms`],
      ['expose and close : add', ratio(both), ''],
    ],
    values.markdown ? 'markdown' : 'terminal',
  );
  const [before, after] = sizes as [(typeof sizes)[0], (typeof sizes)[0]];
  console.log(
    `descriptors of the supervisor before and after ${CYCLES} cycles: ${before.descriptors}, ${after.descriptors}`,
  );
  printPromises([
    { what: 'expose and close against nft add element', value: both, atMost: 5 },
    {
      what: 'memory of the supervisor after them, through before',
      value: after.rss / before.rss,
      atMost: 1.05,
    },
  ]);
} finally {
  await runCli(['rm', '--force', 'web'], { prefix });
  nft('delete', 'table', 'inet', table);
}
