import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DatagramClient, DatagramClients } from '../../../src/network/datagram-clients.ts';

const client = (address: string, port: number, source = 'v4'): DatagramClient<string> => ({
  source,
  address,
  port,
});

describe('the clients of a relayed port', () => {
  it('keep their own ports; of two with one port the first has it', () => {
    const clients = new DatagramClients<string>();
    expect(clients.guestPortOf(client('127.0.0.1', 4000))).toBe(4000);
    const second = clients.guestPortOf(client('::1', 4000, 'v6'));
    expect(second).not.toBe(4000);
    expect(clients.guestPortOf(client('127.0.0.1', 4000))).toBe(4000);
    expect(clients.guestPortOf(client('::1', 4000, 'v6'))).toBe(second);
    expect(clients.find(4000)).toEqual(client('127.0.0.1', 4000));
    expect(clients.find(second)).toEqual(client('::1', 4000, 'v6'));
  });

  it('are told apart by the host socket they have sent to', () => {
    const clients = new DatagramClients<string>();
    const ports = ['first', 'second'].map((source) => clients.guestPortOf(client('127.0.0.1', 4000, source)));
    expect(ports.map((port) => clients.find(port)?.source)).toEqual(['first', 'second']);
  });

  it('never share a port, are always found again, and are never more than the capacity', () => {
    const anyClient = fc.record({
      source: fc.constantFrom('v4', 'v6'),
      address: fc.constantFrom('a', 'b', 'c'),
      port: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 65_533, max: 65_535 })),
    });
    fc.assert(
      fc.property(fc.array(anyClient, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (all, capacity) => {
        const clients = new DatagramClients<string>({ capacity });
        const known = new Set<number>();
        for (const each of all) {
          const port = clients.guestPortOf(each);
          expect(port).toBeGreaterThan(0);
          expect(port).toBeLessThanOrEqual(65_535);
          expect(clients.find(port)).toEqual(each);
          known.add(port);
        }
        expect([...known].filter((port) => clients.find(port) !== undefined).length).toBeLessThanOrEqual(
          capacity,
        );
      }),
    );
  });

  it('make room for a new one by forgetting who was silent longest, answers counted', () => {
    const clients = new DatagramClients<string>({ capacity: 3 });
    for (const port of [1, 2, 3]) clients.guestPortOf(client('a', port));
    clients.guestPortOf(client('a', 1));
    clients.find(2);
    clients.guestPortOf(client('a', 4));
    expect([1, 2, 3, 4].map((port) => clients.find(port)?.port)).toEqual([1, 2, undefined, 4]);
  });

  it('are forgotten after a silence, and get no late answers', () => {
    let now = 0;
    const clients = new DatagramClients<string>({ idleMs: 1000, now: () => now });
    clients.guestPortOf(client('a', 1));
    clients.guestPortOf(client('a', 2));
    now = 900;
    expect(clients.find(1)).toBeDefined();
    now = 1800;
    expect([1, 2].map((port) => clients.find(port)?.port)).toEqual([1, undefined]);
    expect(clients.guestPortOf(client('b', 2))).toBe(2);
    now = 4000;
    expect(clients.guestPortOf(client('c', 1))).toBe(1);
    expect(clients.find(1)).toEqual(client('c', 1));
  });

  it('have a port of their own up to the default capacity', () => {
    const clients = new DatagramClients<string>();
    const ports = Array.from({ length: 4096 }, (_, index) =>
      clients.guestPortOf(client(`a${index}`, 65_000)),
    );
    expect(new Set(ports).size).toBe(4096);
    clients.guestPortOf(client('one more', 65_000));
    expect(clients.find(65_000)).toEqual(client('one more', 65_000));
  });

  it('are forgotten with the source they came by, and no others', () => {
    const clients = new DatagramClients<string>();
    const ports = [client('a', 1, 'one'), client('b', 2, 'one'), client('c', 3, 'two')].map((each) =>
      clients.guestPortOf(each),
    );
    clients.forgetSource('one');
    expect(ports.map((port) => clients.find(port))).toEqual([undefined, undefined, client('c', 3, 'two')]);
    expect(clients.guestPortOf(client('d', 1, 'one'))).toBe(1);
  });
});
