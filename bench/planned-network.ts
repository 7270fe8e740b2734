/** What contestants of the benchmark of the network's set-up make the same: addresses and forwards. */
import type { HeldForward } from '../src/network/transport.ts';

/** The kernel is still busy with a namespace for some time after it is gone. */
export const SETTLE_MS = 150;

const FIRST_PORT = 20_000;
const PAIRS_PER_BLOCK = 128;

/** The network of sandbox number `index`, 0 to 32767. */
export const plannedNetwork = (index: number) => {
  const block = Math.floor(index / PAIRS_PER_BLOCK);
  const even = (index % PAIRS_PER_BLOCK) * 2;
  const forward: HeldForward = {
    addresses: ['127.0.0.1'],
    hostPort: FIRST_PORT + index,
    processPort: 3000,
    protocol: 'tcp',
  };
  return { hostAddress: `10.231.${block}.${even}`, sandboxAddress: `10.231.${block}.${even + 1}`, forward };
};
