import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WasmrunError } from '../../../src/errors.ts';
import {
  duplicateForwardError,
  expandForward,
  findDuplicateHostPorts,
  formatForward,
  parseForward,
  type ForwardSpec,
} from '../../../src/network/forward.ts';
import { forwardUrls } from '../../../src/network/forward-url.ts';

const LOOPBACKS = ['127.0.0.1', '::1'];

const tcp = (spec: Omit<ForwardSpec, 'protocol' | 'count'> & { count?: number }): ForwardSpec => ({
  count: 1,
  protocol: 'tcp',
  ...spec,
});

const udp = (spec: Parameters<typeof tcp>[0]): ForwardSpec => ({ ...tcp(spec), protocol: 'udp' });

const failureOf = (text: string): WasmrunError => {
  try {
    parseForward(text);
  } catch (error) {
    if (error instanceof WasmrunError) return error;
    throw error;
  }
  throw new Error(`"${text}" was accepted`);
};

const anySpec: fc.Arbitrary<ForwardSpec> = fc
  .record({
    address: fc.option(fc.oneof(fc.ipV4(), fc.constantFrom('::', '::1', 'fd00::5', '2001:db8::1:0')), {
      nil: undefined,
    }),
    hostPort: fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
    processPort: fc.integer({ min: 1, max: 65_535 }),
    count: fc.integer({ min: 1, max: 50 }),
    protocol: fc.constantFrom('tcp', 'udp'),
  })
  .map(({ address, hostPort, processPort, count, protocol }) => ({
    ...(address === undefined ? {} : { address }),
    ...(hostPort === undefined ? {} : { hostPort }),
    processPort,
    count: Math.min(count, 65_536 - processPort, 65_536 - (hostPort ?? 1)),
    protocol,
  }));

describe('parseForward', () => {
  test.each<[string, ForwardSpec]>([
    ['3000', tcp({ processPort: 3000 })],
    ['8080:3000', tcp({ hostPort: 8080, processPort: 3000 })],
    ['127.0.0.1:8080:3000', tcp({ address: '127.0.0.1', hostPort: 8080, processPort: 3000 })],
    ['[::1]:8080:3000', tcp({ address: '::1', hostPort: 8080, processPort: 3000 })],
    ['[0:0:0::1]:8080:3000', tcp({ address: '::1', hostPort: 8080, processPort: 3000 })],
    ['127.0.0.1::3000', tcp({ address: '127.0.0.1', processPort: 3000 })],
    ['8080:3000/tcp', tcp({ hostPort: 8080, processPort: 3000 })],
    ['5353:53/udp', udp({ hostPort: 5353, processPort: 53 })],
    ['53/UDP', udp({ processPort: 53 })],
    ['[::1]::53/udp', udp({ address: '::1', processPort: 53 })],
    ['0.0.0.0:5000-5001:50-51/udp', udp({ address: '0.0.0.0', hostPort: 5000, processPort: 50, count: 2 })],
    ['8000-8003:3000-3003', tcp({ hostPort: 8000, processPort: 3000, count: 4 })],
    ['3000-3003', tcp({ processPort: 3000, count: 4 })],
    ['65535:1', tcp({ hostPort: 65_535, processPort: 1 })],
  ])('%s', (text, spec) => {
    expect(parseForward(text)).toEqual(spec);
  });

  test.each([
    ['', 'it is empty', '8080:3000'],
    ['8080:70000', 'port 70000 is outside 1–65535', 'process port from 1 to 65535'],
    ['0:3000', 'port 0 is outside', 'write only the process port'],
    ['8080:0', 'port 0 is outside', 'from 1 to 65535'],
    ['3000:', 'the process port after ":" is missing', '8080:3000'],
    [':3000', 'the host port before ":" is missing', 'write 3000'],
    [':53/udp', 'the host port before ":" is missing', 'write 53/udp'],
    ['8080->3000', '"8080->3000" is not a process port', 'did you mean 8080:3000?'],
    ['8080 3000', 'is not a process port', 'did you mean 8080:3000?'],
    ['http:3000', '"http" is not a host port', '8080:3000'],
    ['-1:3000', '"-1" is not a host port', '8080:3000'],
    ['8080:3000/sctp', '"sctp" is not a protocol', '8080:3000/udp'],
    ['8003-8000:3000-3003', 'the range 8003-8000 runs backwards', '8000-8003'],
    ['8000-8001:3000-3003', '8000-8001 is 2 ports and 3000-3003 is 4 ports', 'same number'],
    ['8000:3000-3003', '8000 is one port and 3000-3003 is 4 ports', 'same number'],
    ['::1:8080:3000', 'an IPv6 address needs brackets', 'write [::1]:8080:3000'],
    ['a:b:c:d', 'it has 3 colons', '8080:3000'],
    ['localhost:8080:3000', '"localhost" is not an IP address', '127.0.0.1'],
    ['300.0.0.1:8080:3000', '"300.0.0.1" is not an IP address', '127.0.0.1'],
    ['[::1]:3000', 'after the address come two ports', '[::1]:8080:3000'],
    ['[::ffff:127.0.0.1]:1:2', 'is an IPv4 address in IPv6 form', 'write 127.0.0.1'],
    ['[fe80::1%eth0]:1:2', 'has a zone', 'use another one'],
    [' 8080:3000', '" 8080" is not a host port', '8080:3000'],
  ])('%j is refused with the reason and the fix', (text, reason, fix) => {
    const error = failureOf(text);
    expect(error.code).toBe('FORWARD_INVALID');
    expect(error.message).toContain(`"${text}"`);
    expect(error.message).toContain(reason);
    expect(error.hint).toContain(fix);
  });

  test('printing and reading again gives the same forward', () => {
    fc.assert(
      fc.property(anySpec, (spec) => {
        expect(parseForward(formatForward(spec))).toEqual(spec);
      }),
    );
  });

  test('any text is either a forward or refused as one, never anything else', () => {
    const nearly = fc.stringMatching(/^[\d:[\]/\-. tcpudx]{0,24}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), nearly), (text) => {
        let spec: ForwardSpec;
        try {
          spec = parseForward(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'FORWARD_INVALID', hint: expect.any(String) });
          return;
        }
        expect(parseForward(formatForward(spec))).toEqual(spec);
      }),
      { numRuns: 2000 },
    );
  });
});

test('a range expands to consecutive single forwards', () => {
  fc.assert(
    fc.property(anySpec, (spec) => {
      const single = expandForward(spec);
      expect(single).toHaveLength(spec.count);
      single.forEach((forward, offset) => {
        expect(forward).toEqual({
          ...spec,
          ...(spec.hostPort === undefined ? {} : { hostPort: spec.hostPort + offset }),
          processPort: spec.processPort + offset,
          count: 1,
        });
      });
    }),
  );
});

const duplicates = (...texts: string[]) => findDuplicateHostPorts(texts.map(parseForward), LOOPBACKS);

describe('duplicate host ports', () => {
  test.each([
    [['8080:3000', '8080:3001'], 8080],
    [['8080:3000', '127.0.0.1:8080:3001'], 8080],
    [['[::1]:8080:3000', '8080:3001'], 8080],
    [['0.0.0.0:8080:3000', '[::1]:8080:3001'], 8080],
    [['10.0.0.1:8080:3000', '[::]:8080:3001'], 8080],
    [['8000-8003:3000-3003', '8003:1'], 8003],
    [['5353:53/udp', '127.0.0.1:5353:54/udp'], 5353],
  ])('%j', (texts, hostPort) => {
    const found = duplicates(...texts);
    expect(found).toMatchObject([{ index: 1, hostPort }]);
    const error = duplicateForwardError(found[0]!);
    expect(error.code).toBe('FORWARD_DUPLICATE');
    for (const part of [...texts, String(hostPort)]) expect(error.message).toContain(part);
  });

  test.each([
    [['8080:3000', '8081:3000']],
    [['3000', '3000']],
    [['[::1]:8080:3000', '127.0.0.1:8080:3001']],
    [['127.0.0.2:8080:3000', '8080:3001']],
    [['8000-8003:3000-3003', '8004:1']],
    [['53:53', '53:53/udp']],
  ])('%j do not meet', (texts) => {
    expect(duplicates(...texts)).toEqual([]);
  });
});

test.each<[string[], number, string, string[]]>([
  [['127.0.0.1', '::1'], 8080, '3000', ['http://localhost:8080']],
  [['127.0.0.1'], 8080, '3000', ['http://127.0.0.1:8080']],
  [['::1'], 8080, '3000', ['http://[::1]:8080']],
  [['::1', '127.0.0.1', '192.0.2.1'], 80, '80', ['http://localhost:80', 'http://192.0.2.1:80']],
  [['0.0.0.0'], 5432, '5432', ['0.0.0.0:5432']],
  [['127.0.0.1', '::1'], 15_432, '5432', ['localhost:15432']],
  [['127.0.0.1', '::1'], 8443, '443', ['https://localhost:8443']],
  [['127.0.0.1', '::1'], 8443, '443/udp', ['localhost:8443']],
  [['::1'], 4000, '4000/udp', ['[::1]:4000']],
])('%j port %i to %s is reached at %j', (addresses, hostPort, port, urls) => {
  const { processPort, protocol } = parseForward(port);
  expect(forwardUrls({ addresses, hostPort, processPort, protocol })).toEqual(urls);
});
