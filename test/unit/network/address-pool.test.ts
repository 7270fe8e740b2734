import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseLink, DEFAULT_ADDRESS_POOLS, parseAddressPool } from '../../../src/network/address-pool.ts';
import type { Ipv4Network } from '../../../src/os/interfaces.ts';

const toNumber = (address: string): number => Buffer.from(address.split('.').map(Number)).readUInt32BE();

/** `10.0.0.0/8` as routes are listed. */
const route = (cidr: string): Ipv4Network => {
  const [address = '', prefixLength] = cidr.split('/');
  return { address: toNumber(address), prefixLength: Number(prefixLength) };
};

const overlaps = (address: number, { address: other, prefixLength }: Ipv4Network): boolean =>
  Math.floor(address / 2 ** (32 - prefixLength)) === Math.floor(other / 2 ** (32 - prefixLength));

/** The specification, one slot after the other. */
const slowChoice = (pools: readonly string[], taken: ReadonlySet<number>, routes: readonly Ipv4Network[]) => {
  let slot = 0;
  for (const pool of pools) {
    const { address, prefixLength } = route(pool);
    for (let host = address; host < address + 2 ** (32 - prefixLength); host += 2, slot += 1) {
      const isInUse = routes.some((other) => overlaps(host, other) || overlaps(host + 1, other));
      if (!isInUse && !taken.has(slot)) return { slot, host };
    }
  }
  return undefined;
};

const POOLS = ['10.231.0.0/28', '172.31.224.0/29', '192.168.231.8/31'];
/** 8 + 4 + 1 pairs. */
const SLOTS = 13;

/** Networks in and around the pools. */
const nearbyRoute = fc
  .tuple(fc.constantFrom(...POOLS), fc.integer({ min: -6, max: 20 }), fc.integer({ min: 24, max: 32 }))
  .map(([pool, offset, prefixLength]) => ({ address: route(pool).address + offset, prefixLength }));

describe('choosing addresses', () => {
  it('agrees with trying one slot after the other', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: SLOTS })),
        fc.array(nearbyRoute, { maxLength: 6 }),
        (takenSlots, routes) => {
          const taken = new Set(takenSlots);
          const expected = slowChoice(POOLS, taken, routes);
          if (!expected) {
            expect(() => chooseLink({ pools: POOLS, taken, routes })).toThrow('no free pair of addresses');
            return;
          }
          const link = chooseLink({ pools: POOLS, taken, routes });
          expect(link.slot).toBe(expected.slot);
          expect(toNumber(link.hostAddress)).toBe(expected.host);
          expect(toNumber(link.sandboxAddress)).toBe(expected.host + 1);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('gives every slot of every pool once, each with its own addresses', () => {
    const taken = new Set<number>();
    const addresses = new Set<string>();
    for (let count = 0; count < SLOTS; count += 1) {
      const link = chooseLink({ pools: POOLS, taken, routes: [] });
      taken.add(link.slot);
      addresses.add(link.hostAddress).add(link.sandboxAddress);
    }
    expect([taken.size, addresses.size]).toEqual([SLOTS, 2 * SLOTS]);
    expect(() => chooseLink({ pools: POOLS, taken, routes: [] })).toThrow(
      expect.objectContaining({
        code: 'ADDRESS_POOL_EXHAUSTED',
        hint: expect.stringContaining('address_pool'),
      }),
    );
  });

  it('starts with the first address where nothing is in the way', () => {
    expect(chooseLink({ pools: DEFAULT_ADDRESS_POOLS, taken: new Set(), routes: [] })).toEqual({
      slot: 0,
      hostAddress: '10.231.0.0',
      sandboxAddress: '10.231.0.1',
    });
  });

  it('goes to the next pool where a VPN routes all of 10/8, and numbers on', () => {
    const link = chooseLink({
      pools: DEFAULT_ADDRESS_POOLS,
      taken: new Set(),
      routes: [route('10.0.0.0/8')],
    });
    expect(link).toEqual({ slot: 32_768, hostAddress: '172.31.224.0', sandboxAddress: '172.31.224.1' });
  });

  it('is not kept from anything by default routes, whole or in halves', () => {
    const routes = ['0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1'].map(route);
    expect(chooseLink({ pools: DEFAULT_ADDRESS_POOLS, taken: new Set(), routes }).slot).toBe(0);
  });

  it('never gives a slot whose interface name would be too long', () => {
    const routes = [route('10.0.0.0/14')];
    expect(() => chooseLink({ pools: ['10.0.0.0/8'], taken: new Set(), routes })).toThrow('no free pair');
  });
});

describe('an address pool', () => {
  it.each([
    ['10.231.0.0', 'not an IPv4 network', 'private IPv4 network'],
    ['10.231/16', 'not an IPv4 network', 'private IPv4 network'],
    ['fd00::/64', 'not an IPv4 network', 'private IPv4 network'],
    ['10.0.0.0/32', 'no room for two addresses', '10.99.0.0/16'],
    ['10.231.0.1/16', 'bits set beyond its prefix', 'did you mean "10.231.0.0/16"?'],
    ['127.0.0.0/24', 'loopback', 'private IPv4 network'],
    ['224.0.0.0/8', 'multicast', 'private IPv4 network'],
  ])('%s is refused: %s', (pool, reason, hint) => {
    expect(() => parseAddressPool(pool)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(reason),
        hint: expect.stringContaining(hint),
      }),
    );
  });

  it('reaches from its first to its last address', () => {
    expect(parseAddressPool('192.168.231.0/24')).toEqual({
      first: toNumber('192.168.231.0'),
      last: toNumber('192.168.231.255'),
    });
  });
});
