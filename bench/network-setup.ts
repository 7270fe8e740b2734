/**
 * Runs on a benchmark's host: makes networks of sandboxes as a supervisor makes them, namespace, link,
 * membership of the firewall and a forward, and takes them away again. Prints a {@link SetupTimes} for each
 * repetition, as JSON lines. Argument: {@link SetupOrder} as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Firewall } from '../src/network/firewall.ts';
import { createNftablesBackend } from '../src/network/firewalls/nftables.ts';
import { namespaceName, vethName } from '../src/network/names.ts';
import { createNamespace } from '../src/network/namespace.ts';
import { createRedirectTransport } from '../src/network/transports/redirect.ts';
import { plannedNetwork, SETTLE_MS } from './planned-network.ts';

export interface SetupOrder {
  readonly prefix: string;
  /** Sandboxes that stand at the same time. */
  readonly sandboxes: number;
  readonly repetitions: number;
}

/** Milliseconds for all sandboxes together. */
export interface SetupTimes {
  readonly setUp: number;
  readonly tearDown: number;
}

const { prefix, sandboxes, repetitions } = JSON.parse(process.argv[2]!) as SetupOrder;
const backend = createNftablesBackend();
const transport = createRedirectTransport(backend);

const setUp = async (index: number): Promise<AsyncDisposable> => {
  const { hostAddress, sandboxAddress, forward } = plannedNetwork(index);
  const link = { veth: vethName(prefix, index), hostAddress, sandboxAddress };
  const firewall = new Firewall(backend, prefix);
  const made = new AsyncDisposableStack();
  const namespace = made.use(createNamespace(namespaceName(prefix, `s${index}`)));
  namespace.connect(link);
  made.use(await firewall.admit(link));
  made.use(await transport.open(forward, { name: 'bench', link, firewall }));
  return made;
};

for (let repetition = 0; repetition < repetitions; repetition += 1) {
  const start = performance.now();
  const made: AsyncDisposable[] = [];
  for (let index = 0; index < sandboxes; index += 1) made.push(await setUp(index));
  const standing = performance.now();
  // As when as many supervisors are told to stop; the last one takes the rules away.
  await Promise.all(made.map((network) => network[Symbol.asyncDispose]()));
  await backend.remove(prefix);
  const times: SetupTimes = { setUp: standing - start, tearDown: performance.now() - standing };
  console.log(JSON.stringify(times));
  await sleep(SETTLE_MS);
}
