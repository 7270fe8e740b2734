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
/** Cycles after which everything that is loaded once has been loaded. */
const WARM_UP = 50;
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
    ours.expose.push(expose);
    ours.close.push(close);
    theirs.add.push(add);
    theirs.remove.push(remove);
    if (cycle % 100 === 0 || cycle === WARM_UP + CYCLES - 1) {
      sizes.push({ rss: memoryOf(pid).rss, descriptors: readdirSync(`/proc/${pid}/fd`).length });
    }
  }
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
  const half = sizes[Math.floor(sizes.length / 2)]!;
  const last = sizes.at(-1)!;
  console.log(
    `RSS of the supervisor, the end through the middle of ${CYCLES} cycles: ${ratio(last.rss / half.rss)}`,
  );
  console.log(`MiB: ${sizes.map(({ rss }) => (rss / 1024).toFixed(0)).join(' ')}`);
  console.log(`descriptors: ${sizes.map(({ descriptors }) => descriptors).join(' ')}`);
  printPromises([
    { what: 'expose and close against nft add element', value: both, atMost: 5 },
    { what: 'growth in the second half', value: last.rss / half.rss, atMost: 1.05 },
  ]);
} finally {
  await runCli(['rm', '--force', 'web'], { prefix });
  nft('delete', 'table', 'inet', table);
}
