import { isIPv6 } from 'node:net';
import { describe, expect, test } from 'vitest';
import { toWasmrunError } from '../../../src/cli/exit-code.ts';
import { createOutput } from '../../../src/cli/output.ts';
import { exposureWarnings, type Interfaces } from '../../../src/exposure.ts';
import { WasmrunError } from '../../../src/errors.ts';
import { parseForward } from '../../../src/network/forward.ts';
import type { SandboxEvent } from '../../../src/sandbox/events.ts';

/** Collects what an output writes. */
const collectOutput = (options: { json?: boolean; verbose?: boolean } = {}) => {
  const written = { stdout: '', stderr: '' };
  const output = createOutput({
    json: options.json ?? false,
    verbose: options.verbose ?? false,
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
  });
  return { output, written };
};

const STARTED: SandboxEvent = {
  type: 'started',
  isolation: 'namespace',
  name: 'hello',
  namespace: 'wasmrun-hello',
  address: '10.231.0.1',
};
const forward = (
  addresses: string[],
  hostPort: number,
  processPort: number,
  protocol: 'tcp' | 'udp' = 'tcp',
): SandboxEvent => ({
  type: 'forward',
  addresses,
  hostPort,
  processPort,
  protocol,
  transport: protocol === 'tcp' ? 'nftables' : 'relay',
});

describe('for people', () => {
  test('a start and its forwards', () => {
    const { output, written } = collectOutput();
    output.event(STARTED);
    output.event(forward(['127.0.0.1', '::1'], 8080, 3000));
    output.event(forward(['::1'], 8081, 3001));
    output.event(forward(['127.0.0.1', '::1'], 15_432, 5432));
    output.event(forward(['0.0.0.0'], 80, 80));
    output.event(forward(['127.0.0.1', '::1'], 5353, 53, 'udp'));
    output.event(forward(['::1'], 8080, 8080, 'udp'));
    expect(written).toEqual({
      stdout: '',
      stderr: [
        'hello  10.231.0.1  (namespace wasmrun-hello)',
        'http://localhost:8080 → hello:3000  nftables',
        'http://[::1]:8081 → hello:3001  nftables',
        'localhost:15432 → hello:5432  nftables',
        'http://0.0.0.0:80 → hello:80  nftables',
        'localhost:5353/udp → hello:53/udp  relay',
        '[::1]:8080/udp → hello:8080/udp  relay',
        '',
      ].join('\n'),
    });
  });

  test('what was refused, with what would allow it', () => {
    const { output, written } = collectOutput();
    output.event(STARTED);
    const remedy = '--peer db';
    output.event({ type: 'refused', destination: 'db', reason: 'not a peer', remedy });
    output.event({ type: 'refused', destination: '[::2]:53/udp', reason: 'UDP does not leave a sandbox' });
    expect(written.stderr.split('\n').slice(1)).toEqual([
      'refused: hello → db: not a peer (--peer db)',
      'refused: hello → [::2]:53/udp: UDP does not leave a sandbox',
      '',
    ]);
  });

  test('a trap is said, an ordinary end only under --verbose', () => {
    const quiet = collectOutput();
    quiet.output.event(STARTED);
    quiet.output.event({ type: 'exited', status: 0, reason: 'exit' });
    quiet.output.event({ type: 'exited', status: 134, reason: 'trap' });
    quiet.output.log.detail('unseen');
    expect(quiet.written.stderr).toBe(
      'hello  10.231.0.1  (namespace wasmrun-hello)\nhello trapped: exit status 134\n',
    );
    const verbose = collectOutput({ verbose: true });
    verbose.output.event({ type: 'exited', status: 0, reason: 'exit' });
    expect(verbose.written.stderr).toContain('ended (exit): exit status 0');
  });

  test('an error with its hint; the stack only under --verbose', () => {
    const error = new WasmrunError('PORT_IN_USE', 'host port 80 is in use', { hint: 'use another' });
    const quiet = collectOutput();
    quiet.output.error(error);
    expect(quiet.written.stderr).toBe('error: host port 80 is in use\nhint: use another\n');
    const verbose = collectOutput({ verbose: true });
    verbose.output.error(error);
    expect(verbose.written.stderr).toContain('output.test.ts');
  });
});

describe('as JSON', () => {
  test('every event, message and error is one line on standard output', () => {
    const { output, written } = collectOutput({ json: true });
    output.event(STARTED);
    output.event(forward(['127.0.0.1', '::1'], 8080, 3000));
    output.event(forward(['127.0.0.1', '::1'], 8080, 3000, 'udp'));
    output.event({ type: 'output', stream: 'stderr', text: 'a\nb' });
    output.log.warn('careful');
    output.log.info('building');
    output.log.detail('unseen');
    output.error(new WasmrunError('APP_NOT_FOUND', 'x does not exist', { hint: 'look' }));
    expect(written.stderr).toBe('');
    expect(
      written.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      STARTED,
      { ...forward(['127.0.0.1', '::1'], 8080, 3000), url: 'http://localhost:8080' },
      { ...forward(['127.0.0.1', '::1'], 8080, 3000, 'udp'), url: 'localhost:8080' },
      { type: 'output', stream: 'stderr', text: 'a\nb' },
      { type: 'warning', text: 'careful' },
      { type: 'notice', text: 'building' },
      { type: 'error', code: 'APP_NOT_FOUND', message: 'x does not exist', hint: 'look', exitStatus: 127 },
    ]);
  });
});

test('anything unexpected is an internal failure with a way to report it', () => {
  const cause = new TypeError('x is undefined');
  const error = toWasmrunError(cause);
  expect(error).toMatchObject({
    code: 'INTERNAL',
    exitStatus: 125,
    message: 'unexpected failure: x is undefined',
    cause,
  });
  expect(error.hint).toContain('--verbose');
  const known = new WasmrunError('USAGE', 'x');
  expect(toWasmrunError(known)).toBe(known);
});

const at = (address: string, internal = false) => ({
  address,
  internal,
  netmask: '',
  mac: '',
  ...(isIPv6(address)
    ? { family: 'IPv6' as const, scopeid: 0, cidr: null }
    : { family: 'IPv4' as const, cidr: null }),
});

const INTERFACES = {
  lo: [at('127.0.0.1', true), at('::1', true)],
  eth0: [at('192.0.2.7'), at('2001:db8::7')],
  wg0: [at('198.51.100.1')],
  'wasmrun-v0': [at('10.231.0.0')],
};

const warnings = (bind: string[], forwards: string[], interfaces: Interfaces = INTERFACES) =>
  exposureWarnings(
    {
      bind,
      forwards: forwards.map(parseForward),
      transport: 'auto',
      outbound: 'none',
      allow: [],
      peers: [],
      isolation: 'namespace',
      namespacePrefix: 'wasmrun',
      addressPool: [],
    },
    interfaces,
  );

describe('who can reach forwards', () => {
  test('is not worth a word on loopback, or without forwards', () => {
    expect(warnings(['127.0.0.1', '::1'], ['8080:3000'])).toEqual([]);
    expect(warnings(['0.0.0.0'], [])).toEqual([]);
    expect(warnings(['0.0.0.0'], ['127.0.0.9:8080:3000'])).toEqual([]);
  });

  test('is said once for each address others can reach, with the interface', () => {
    expect(warnings(['0.0.0.0', '::'], ['1:1', '2:2', '192.0.2.7:3:3', '203.0.113.1:4:4'])).toEqual([
      'forwards on 0.0.0.0 are open to everyone who can reach 192.0.2.7 (eth0), 198.51.100.1 (wg0)',
      'forwards on :: are open to everyone who can reach 2001:db8::7 (eth0)',
      'forwards on 192.0.2.7 are open to everyone who can reach that address (eth0), not only to this machine',
      'forwards on 203.0.113.1 are open to everyone who can reach that address, not only to this machine',
    ]);
  });

  test('is said in general where there are no addresses, or too many to name', () => {
    expect(warnings(['0.0.0.0'], ['1:1'], {})).toEqual([
      'forwards on 0.0.0.0 are open to everyone who can reach any address of this machine',
    ]);
    const many = { eth0: [1, 2, 3, 4, 5, 6].map((each) => at(`192.0.2.${each}`)) };
    expect(warnings(['0.0.0.0'], ['1:1'], many).join('')).toMatch(/192\.0\.2\.4 \(eth0\), 2 more addresses$/);
  });
});
