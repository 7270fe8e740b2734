import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WasmrunError } from '../../../src/errors.ts';
import { EgressPolicy, parseEgressRule, plainAddress } from '../../../src/network/egress.ts';
import type { OutboundMode } from '../../../src/network/egress.ts';

const policy = (mode: OutboundMode, rules: readonly string[], own: readonly string[] = []): EgressPolicy =>
  new EgressPolicy({ mode, rules: rules.map(parseEgressRule), hostAddresses: () => own });

const failureOf = (text: string): WasmrunError => {
  try {
    parseEgressRule(text);
  } catch (error) {
    if (error instanceof WasmrunError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
};

describe('a rule', () => {
  test.each([
    ['1.2.3.0/24:443', { network: { address: '1.2.3.0', prefix: 24 }, port: 443 }],
    ['1.2.3.4', { network: { address: '1.2.3.4', prefix: 32 } }],
    ['[2001:db8::/32]:443', { network: { address: '2001:db8::', prefix: 32 }, port: 443 }],
    ['[2001:db8::1]', { network: { address: '2001:db8::1', prefix: 128 } }],
    ['2001:db8::1', { network: { address: '2001:db8::1', prefix: 128 } }],
    ['2001:db8::/32', { network: { address: '2001:db8::', prefix: 32 } }],
    ['Example.ORG:443', { name: 'example.org', port: 443 }],
    ['*.example.org', { name: '*.example.org' }],
    ['db', { name: 'db' }],
    ['0.0.0.0/0', { network: { address: '0.0.0.0', prefix: 0 } }],
  ])('%s', (text, expected) => {
    expect(parseEgressRule(text)).toEqual({ text, ...expected });
  });

  test.each([
    ['', 'names no address'],
    [':443', 'names no address'],
    ['1.2.3.4:0', 'port "0"'],
    ['1.2.3.4:65536', 'port "65536"'],
    ['example.org:https', 'port "https"'],
    ['example.org:', 'port ""'],
    ['1.2.3.0/33', '"/33"'],
    ['1.2.3.0/', '"/"'],
    ['1.2.3.0/2/4', '"/2/4"'],
    ['1.2.3.256', '"1.2.3.256"'],
    ['exa mple.org', '"exa mple.org"'],
    ['https://example.org', 'port "//example.org"'],
    ['a.*.example.org', '"a.*.example.org"'],
    ['fe80::1%eth0', 'zone'],
    ['[example.org', '"[example.org"'],
  ])('%j is refused', (text, reason) => {
    const error = failureOf(text);
    expect(error).toMatchObject({ code: 'EGRESS_INVALID', exitStatus: 2 });
    expect(error.message).toContain(reason);
    expect(error.hint).toContain('example.org:443');
  });

  test('never fails but with its own error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\d.:/[\]*a-f]{0,24}$/)), (text) => {
        try {
          expect(parseEgressRule(text).text).toBe(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'EGRESS_INVALID' });
        }
      }),
    );
  });

  test('for an address allows it with its port, and nothing else', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }), fc.ipV4(), (address, port, other) => {
        const rules = policy('allow-list', [`${address}:${port}`]);
        expect(rules.decide(address, port).allowed).toBe(true);
        expect(rules.decide(`::ffff:${address}`, port).allowed).toBe(true);
        expect(rules.decide(address, (port % 65_535) + 1).allowed).toBe(false);
        expect(rules.decide(other, port).allowed).toBe(other === address);
      }),
    );
  });
});

describe('the policy', () => {
  test('none: nothing, whatever the rules say', () => {
    const none = policy('none', ['0.0.0.0/0', 'example.org']);
    expect(none.decide('203.0.113.1', 443)).toEqual({
      allowed: false,
      reason: 'outbound connections are off',
    });
    expect(none.decideName('example.org').allowed).toBe(false);
    expect(none.namesFor(443)).toEqual([]);
  });

  test('all: everybody but private and special ranges and this machine', () => {
    const all = policy('all', ['10.1.2.3:5432'], ['203.0.113.7', 'fe80::1%eth0']);
    for (const address of ['203.0.113.1', '8.8.8.8', '2606:4700::1111']) {
      expect(all.decide(address, 443).allowed, address).toBe(true);
    }
    for (const address of [
      '10.1.2.4',
      '127.0.0.1',
      '169.254.169.254',
      '172.31.0.1',
      '192.168.1.1',
      '100.64.0.1',
      '224.0.0.1',
      '255.255.255.255',
      '::1',
      '::ffff:10.1.2.4',
      '::ffff:a01:204',
      '::10.1.2.4',
      '64:ff9b::a01:204',
      'fe80::1',
      'fd00::1',
      'ff02::1',
      '203.0.113.7',
    ]) {
      expect(all.decide(address, 443).allowed, address).toBe(false);
    }
    expect(all.decide('10.1.2.3', 5432).allowed).toBe(true);
    expect(all.decideName('anything.example').allowed).toBe(true);
  });

  test('a name is allowed for the addresses its lookup gave, and only if it is listed', () => {
    const rules = policy('allow-list', ['example.org:443', '*.example.net']);
    expect(rules.decideName('EXAMPLE.org.').allowed).toBe(true);
    expect(rules.decideName('www.example.org').allowed).toBe(false);
    expect(rules.decideName('a.b.example.net').allowed).toBe(true);
    expect(rules.decideName('example.net').allowed).toBe(false);
    expect(rules.decideName('evilexample.net').allowed).toBe(false);
    expect(rules.decide('203.0.113.1', 443).allowed).toBe(false);
    rules.learn('Example.org', ['203.0.113.1', '2001:db8::1']);
    expect(rules.decide('203.0.113.1', 443).allowed).toBe(true);
    expect(rules.decide('2001:db8::1', 443).allowed).toBe(true);
    expect(rules.decide('203.0.113.1', 80).allowed).toBe(false);
    rules.learn('a.example.net', ['203.0.113.2']);
    expect(rules.decide('203.0.113.2', 80).allowed).toBe(true);
    expect(rules.namesFor(443)).toEqual(['example.org']);
    expect(rules.namesFor(80)).toEqual([]);
  });

  test('a name never leads to a private address or to this machine', () => {
    for (const mode of ['allow-list', 'all'] as const) {
      const rules = policy(mode, ['example.org'], ['203.0.113.7']);
      rules.learn('example.org', ['10.0.0.1', '127.0.0.1', '203.0.113.7']);
      for (const address of ['10.0.0.1', '127.0.0.1', '203.0.113.7'])
        expect(rules.decide(address, 443).allowed).toBe(false);
    }
  });
});

test('an address has one form', () => {
  expect(plainAddress('::ffff:1.2.3.4')).toBe('1.2.3.4');
  expect(plainAddress('0:0:0:0:0:0:0:1')).toBe('::1');
  expect(plainAddress('fe80::1%eth0')).toBe('fe80::1');
});
