/** Says who can reach a forward when that is more than this machine. */
import { isWildcard } from '../network/forward.ts';
import { isLoopback } from '../network/loopback.ts';
import type { Settings } from '../config/settings.ts';

/** One warning for each host address that forwards are held on and that others can reach. */
export const exposureWarnings = ({ forwards, bind }: Settings['network']): string[] => {
  const addresses = new Set(forwards.flatMap(({ address }) => (address === undefined ? bind : [address])));
  return [...addresses]
    .filter((address) => !isLoopback(address))
    .map((address) =>
      isWildcard(address)
        ? `forwards on ${address} are open to everyone who can reach any address of this machine`
        : `forwards on ${address} are open to everyone who can reach that address, not only to this machine`,
    );
};
