import fc from 'fast-check';
import { isIPv4 } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WasmrunError } from '../../../src/errors.ts';
import { isSandboxName } from '../../../src/network/names.ts';
import { Peers, parsePeer } from '../../../src/network/peers.ts';

const peers = (...texts: string[]): Peers => new Peers(texts.map(parsePeer));

describe('a peer', () => {
  test.each([
    ['db', { name: 'db' }],
    ['db:5432', { name: 'db', port: 5432 }],
    ['cache-2:1', { name: 'cache-2', port: 1 }],
    ['7:65535', { name: '7', port: 65_535 }],
  ])('%s', (text, expected) => {
    expect(parsePeer(text)).toEqual({ text, ...expected });
  });

  test.each([
    ['', '"" cannot be the name'],
    [':5432', '"" cannot be the name'],
    ['DB', '"DB" cannot be the name'],
    ['../db', '"../db" cannot be the name'],
    ['db.example.org', '"db.example.org" cannot be the name'],
    ['*', '"*" cannot be the name'],
    ['db:', 'port ""'],
    ['db:0', 'port "0"'],
    ['db:65536', 'port "65536"'],
    ['db:5432/udp', 'port "5432/udp"'],
    ['db:1:2', 'port "1:2"'],
  ])('%j is refused', (text, reason) => {
    expect(() => parsePeer(text)).toThrow(reason);
    expect(() => parsePeer(text)).toThrow(WasmrunError);
  });

  test('is never read but as a name and a port, or refused as a peer', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9-]{0,33}(:\d{0,6})?$/)), (text) => {
        try {
          const { name, port = 1 } = parsePeer(text);
          expect([isSandboxName(name), port >= 1 && port <= 65_535]).toEqual([true, true]);
        } catch (error) {
          expect(error).toMatchObject({ code: 'PEER_INVALID', exitStatus: 2 });
        }
      }),
    );
  });
});

describe('the addresses of peers', () => {
  test('are their own, and nobody else has one', () => {
    const both = peers('db:5432', 'cache');
    expect([both.addressOf('db'), both.addressOf('cache')]).toEqual(['198.18.0.1', '198.18.0.2']);
    expect(both.addressOf('web')).toBeUndefined();
    expect(both.at('198.18.0.1')).toEqual({ name: 'db', ports: new Set([5432]) });
    expect(both.at('198.18.0.2')).toEqual({ name: 'cache' });
    for (const other of ['198.18.0.0', '198.18.0.3', '10.231.0.1']) expect(both.at(other)).toBeUndefined();
  });

  test('of several permissions for one peer are one', () => {
    const twice = peers('db:5432', 'cache', 'db:80');
    expect(twice.at('198.18.0.1')).toEqual({ name: 'db', ports: new Set([5432, 80]) });
    expect(twice.addressOf('cache')).toBe('198.18.0.2');
    expect(peers('db:5432', 'db').at('198.18.0.1')).toEqual({ name: 'db' });
  });

  test('are of 198.18.0.0/15, all different', () => {
    const names = Array.from({ length: 600 }, (_, index) => `peer-${index}`);
    const many = peers(...names);
    const addresses = names.map((name) => many.addressOf(name)!);
    expect(new Set(addresses).size).toBe(names.length);
    for (const address of addresses) {
      expect(isIPv4(address)).toBe(true);
      expect(address).toMatch(/^198\.1[89]\./);
    }
  });
});
