/**
 * Finds a sandbox its addresses: pairs of neighbouring addresses (/31, RFC 3021) from private networks
 * that the host does not use. A host with a VPN may route all of 10/8, so there is more than one pool.
 */
import ipaddr from 'ipaddr.js';
import { WasmrunError } from '../errors.ts';
import { type Ipv4Network, listAddressNetworks, listRouteDestinations } from '../os/interfaces.ts';
import { RouteSocket } from '../os/route-socket.ts';
import { SLOT_LIMIT } from './names.ts';

/** One of each block of RFC 1918, off the beaten ranges of Docker, libvirt, home routers and clouds. */
export const DEFAULT_ADDRESS_POOLS: readonly string[] = [
  '10.231.0.0/16',
  '172.31.224.0/19',
  '192.168.231.0/24',
];

/** Addresses of one sandbox's link. */
export interface ChosenLink {
  /** Number of the pair, counted through all pools; names the interface. */
  readonly slot: number;
  /** The even address of the pair. */
  readonly hostAddress: string;
  /** The odd address of the pair. */
  readonly sandboxAddress: string;
}

export interface LinkChoice {
  /** IPv4 networks in CIDR notation, in order of preference. */
  readonly pools: readonly string[];
  /** Slots that belong to other sandboxes. */
  readonly taken: ReadonlySet<number>;
  /** Networks the host uses, see {@link hostNetworks}. */
  readonly routes: readonly Ipv4Network[];
}

/**
 * A route this wide is a default route in pieces (VPNs install 0.0.0.0/1 and 128.0.0.0/1 beside it):
 * it says nothing about who uses an address.
 */
const WIDEST_SPECIFIC_ROUTE = 4;

/** Ranges, in the words of ipaddr.js, in which no interface can have an address. */
const UNUSABLE_RANGES: ReadonlySet<string> = new Set(['unspecified', 'broadcast', 'multicast', 'loopback']);

/** Addresses as unsigned 32-bit numbers, both ends included. */
interface AddressRange {
  readonly first: number;
  readonly last: number;
}

/** Every IPv4 network of the host: those its routes lead to and those of its own addresses. */
export const hostNetworks = (): Ipv4Network[] => {
  using socket = new RouteSocket();
  return [...listRouteDestinations(socket), ...listAddressNetworks(socket)];
};

/**
 * Reads a pool in CIDR notation.
 * @throws {WasmrunError} CONFIG_INVALID with the fix
 */
export const parseAddressPool = (pool: string): AddressRange => {
  const invalid = (reason: string, hint: string): WasmrunError =>
    new WasmrunError('CONFIG_INVALID', `"${pool}" cannot be an address pool: ${reason}`, { hint });
  const example = 'give a private IPv4 network, for example "10.99.0.0/16"';
  if (!ipaddr.IPv4.isValidCIDRFourPartDecimal(pool)) throw invalid('it is not an IPv4 network', example);
  const [address, prefixLength] = ipaddr.IPv4.parseCIDR(pool);
  if (prefixLength > 31) throw invalid('it has no room for two addresses', example);
  if (UNUSABLE_RANGES.has(address.range())) throw invalid(`its addresses are ${address.range()}`, example);
  const range = rangeOf({ address: toNumber(address), prefixLength });
  if (range.first !== toNumber(address)) {
    throw invalid(
      'it has bits set beyond its prefix',
      `did you mean "${format(range.first)}/${prefixLength}"?`,
    );
  }
  return range;
};

/**
 * Chooses the first pair of addresses that overlaps no network of the host and whose slot is not taken.
 * The caller must hold the lock under which slots are claimed.
 * @throws {WasmrunError} ADDRESS_POOL_EXHAUSTED, CONFIG_INVALID for a malformed pool
 */
export const chooseLink = ({ pools, taken, routes }: LinkChoice): ChosenLink => {
  const occupied = routes
    .filter((route) => route.prefixLength >= WIDEST_SPECIFIC_ROUTE)
    .map((route) => rangeOf(route))
    .sort((a, b) => a.first - b.first);
  let firstSlot = 0;
  for (const text of pools) {
    const pool = parseAddressPool(text);
    const host = firstFreePair(pool, occupied, (address) =>
      taken.has(firstSlot + (address - pool.first) / 2),
    );
    const slot = host === undefined ? SLOT_LIMIT : firstSlot + (host - pool.first) / 2;
    if (host !== undefined && slot < SLOT_LIMIT) {
      return { slot, hostAddress: format(host), sandboxAddress: format(host + 1) };
    }
    firstSlot += (pool.last - pool.first + 1) / 2;
  }
  throw new WasmrunError('ADDRESS_POOL_EXHAUSTED', `no free pair of addresses in ${pools.join(', ')}`, {
    hint:
      'set `address_pool` under [network] in .wasmrun.toml to a private network that ' +
      'this host has no route to, for example "10.99.0.0/16"',
  });
};

/**
 * Walks a pool and the occupied ranges, sorted by their first address, side by side: the cost is that
 * of what is in the way, not that of the pool.
 */
const firstFreePair = (
  pool: AddressRange,
  occupied: readonly AddressRange[],
  isTaken: (address: number) => boolean,
): number | undefined => {
  let next = 0;
  for (let address = pool.first; address < pool.last;) {
    const obstacle = occupied[next];
    if (obstacle && obstacle.last < address) next += 1;
    else if (obstacle && obstacle.first <= address + 1) address = evenAfter(obstacle.last);
    else if (isTaken(address)) address += 2;
    else return address;
  }
  return undefined;
};

/** The lowest even address above `address`. */
const evenAfter = (address: number): number => address + 2 - (address % 2);

const rangeOf = ({ address, prefixLength }: Ipv4Network): AddressRange => {
  const size = 2 ** (32 - prefixLength);
  const first = address - (address % size);
  return { first, last: first + size - 1 };
};

const toNumber = (address: ipaddr.IPv4): number => Buffer.from(address.toByteArray()).readUInt32BE();

const format = (address: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(address);
  return bytes.join('.');
};
