/** The kernel itself redirects loopback ports into the sandbox: no process handles the bytes. */
import type { FirewallBackend, Redirection } from '../firewall.ts';
import { isIpv4Loopback } from '../loopback.ts';
import type { Link } from '../namespace.ts';
import type { HeldForward, Transport } from '../transport.ts';

/**
 * Forwards addresses of 127.0.0.0/8 by the firewall the sandbox stands behind. Other addresses are left to
 * the held socket: `[::1]` cannot be redirected to another interface (clients would time out), and an
 * address of a LAN would be open to the forwarding rules of others.
 */
export const createRedirectTransport = (backend: FirewallBackend): Transport => ({
  name: backend.name,
  firewall: backend.name,
  carries: ({ addresses }) => addresses.some((address) => isIpv4Loopback(address)),
  probe: () => backend.probe(),
  open: async (forward, target) => {
    const { firewall, link } = target;
    if (link === undefined || firewall?.name !== backend.name) {
      throw new Error(`the sandbox stands behind ${firewall?.name}`);
    }
    return await firewall.redirect(redirectionsOf(forward, link));
  },
});

/** What the kernel is told for a forward; also what a crashed supervisor's record says is to be removed. */
export const redirectionsOf = (
  { protocol, addresses, hostPort, processPort }: HeldForward,
  { sandboxAddress }: Pick<Link, 'sandboxAddress'>,
): Redirection[] =>
  addresses
    .filter((address) => isIpv4Loopback(address))
    .map((address) => ({ protocol, address, hostPort, sandboxAddress, processPort }));
