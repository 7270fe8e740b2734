/** What this process may do: capabilities(7). */
import { readFileSync } from 'node:fs';

/** Bit of `CAP_NET_ADMIN`, linux/capability.h. */
const CAP_NET_ADMIN = 12n;

/** May this process change the network of the namespace it is in? False where the kernel does not tell. */
export const mayAdministerNetwork = (): boolean => {
  try {
    const [, effective = '0'] =
      /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    return ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n;
  } catch {
    return false;
  }
};
