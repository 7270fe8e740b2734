/** Says who can reach a forward when that is more than this machine. */
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { isWildcard } from './network/forward.ts';
import { isLoopback } from './network/loopback.ts';
import { vethStem } from './network/names.ts';
import type { Settings } from './config/settings.ts';

/** So many addresses are named; a machine with containers has dozens. */
const NAMED_ADDRESSES = 4;

/** Addresses of this machine, by interface. */
export type Interfaces = ReturnType<typeof networkInterfaces>;

/** One warning for each host address that forwards are held on and that others can reach. */
export const exposureWarnings = (
  { forwards, bind, namespacePrefix }: Settings['network'],
  interfaces: Interfaces = networkInterfaces(),
): string[] => {
  const exposed = new Set(forwards.flatMap(({ address }) => (address === undefined ? bind : [address])));
  const places = Object.entries(interfaces)
    // Sandboxes reach no address of this machine.
    .filter(([name]) => !name.startsWith(vethStem(namespacePrefix)))
    .flatMap(([name, addresses = []]) =>
      addresses.map(({ address, internal }) => ({ name, address, internal })),
    );
  return [...exposed]
    .filter((address) => !isLoopback(address))
    .map((address) => {
      if (isWildcard(address)) {
        const reachable = places.filter(
          (place) => !place.internal && isIPv6(place.address) === isIPv6(address),
        );
        return `forwards on ${address} are open to everyone who can reach ${listPlaces(reachable)}`;
      }
      const name = places.find((place) => place.address === address)?.name;
      const place = name === undefined ? 'that address' : `that address (${name})`;
      return `forwards on ${address} are open to everyone who can reach ${place}, not only to this machine`;
    });
};

const listPlaces = (places: readonly { name: string; address: string }[]): string => {
  if (places.length === 0) return 'any address of this machine';
  const named = places.slice(0, NAMED_ADDRESSES).map(({ name, address }) => `${address} (${name})`);
  const others = places.length - named.length;
  return [...named, ...(others > 0 ? [`${others} more addresses`] : [])].join(', ');
};
