/**
 * Changes its own sandboxes in a store for ever, and says before each change what it will be, and after it that it was
 * acknowledged. A program of its own, to be killed. Arguments: directory of all prefixes, prefix, first letters of
 * the names, how many changes (0: no end).
 */
import { writeSync } from 'node:fs';
import { Store } from '../../../src/sandbox/store.ts';
import { newSandbox } from './store-fixture.ts';

const [root, prefix, stem, count] = process.argv.slice(2);
const turns = count === '0' ? Infinity : Number(count);
const log = { detail() {}, info() {}, warn: (message: string) => void writeSync(2, `${message}\n`) };
await using store = new Store(prefix!, { log, root: root! });
const ports = new Map((await store.list()).map(({ name, forwards }) => [name, forwards[0]!.hostPort]));

const random = (below: number): number => Math.floor(Math.random() * below);
for (let turn = 0; turn < turns; turn++) {
  const name = `${stem}${random(4)}`;
  const port = 1 + random(65_535);
  const isKnown = ports.has(name);
  const isRemoval = isKnown && random(3) === 0;
  writeSync(1, `${JSON.stringify({ name, port: isRemoval ? 0 : port })}\n`);
  const { forwards } = newSandbox(name, port);
  if (isRemoval) await store.remove(name);
  else if (isKnown) await store.change(name, () => ({ forwards }));
  else await store.add(newSandbox(name, port));
  if (isRemoval) ports.delete(name);
  else ports.set(name, port);
  writeSync(1, 'acknowledged\n');
}
