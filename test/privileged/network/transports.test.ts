import { createNftablesBackend } from '../../../src/network/firewalls/nftables.ts';
import { handoffTransport } from '../../../src/network/transports/handoff.ts';
import { createRedirectTransport } from '../../../src/network/transports/redirect.ts';
import { describeTransport } from '../transport.contract.ts';
import { WALLS } from './test-firewall.ts';

for (const { kind, create } of WALLS) {
  const firewall = create();
  describeTransport(kind, {
    create: () => createRedirectTransport(firewall),
    firewall,
    // The kernel has sent it to the sandbox's own address.
    arrival: ({ sandbox }) => `${sandbox.link.sandboxAddress}:3000`,
  });
}

describeTransport('handoff', {
  create: () => handoffTransport,
  firewall: createNftablesBackend(),
  // The app has accepted it from the socket held on the host.
  arrival: ({ held }) => `127.0.0.1:${held.hostPort}`,
});
