/** What this process may do beyond an ordinary one: capabilities(7). */
import { readFileSync } from 'node:fs';

/** Bits of linux/capability.h. */
const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

/** May this process change the network of the namespace it is in? False where the kernel does not tell. */
export const mayAdministerNetwork = (): boolean => hasCapability(CAP_NET_ADMIN);

/** Can network namespaces be made and connected here? Takes root with the capabilities a container may lack. */
export const mayManageNetworks = (): boolean =>
  process.geteuid?.() === 0 && [CAP_NET_ADMIN, CAP_SYS_ADMIN].every(hasCapability);

const hasCapability = (capability: bigint): boolean => {
  try {
    const [, effective = '0'] =
      /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
  } catch {
    return false;
  }
};
