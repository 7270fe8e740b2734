import { handoffTransport } from '../../../src/network/transports/handoff.ts';
import { createNftablesTransport } from '../../../src/network/transports/nftables.ts';
import { describeTransport } from '../transport.contract.ts';

describeTransport('nftables', {
  create: (prefix) => createNftablesTransport({ prefix }),
  // The kernel has sent it to the sandbox's own address.
  arrival: (sandbox) => `${sandbox.link.sandboxAddress}:3000`,
});

describeTransport('handoff', {
  create: () => handoffTransport,
  // The app has accepted it from the socket held on the host.
  arrival: (_, held) => `127.0.0.1:${held.hostPort}`,
});
