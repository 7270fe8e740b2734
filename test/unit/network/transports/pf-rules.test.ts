import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namespaceName } from '../../../../src/network/names.ts';
import { anchorOf, type PfRedirection, rulesOf } from '../../../../src/network/transports/pf-rules.ts';
import { parseEnableToken } from '../../../../src/os/pfctl.ts';
import { deriveName } from '../../../../src/runtime/resolve.ts';
import { parsePfConf } from '../../../helpers/pf-conf.ts';

const WEB: PfRedirection = { address: '127.0.0.1', hostPort: 8080, protocol: 'tcp', landingPort: 49_731 };

describe('the rules of pf', () => {
  it('name address, port and protocol exactly, one line each', () => {
    expect(rulesOf([WEB, { ...WEB, hostPort: 443, landingPort: 49_732 }])).toBe(
      'rdr pass on lo0 inet proto tcp from any to 127.0.0.1 port 8080 -> 127.0.0.1 port 49731\n' +
        'rdr pass on lo0 inet proto tcp from any to 127.0.0.1 port 443 -> 127.0.0.1 port 49732\n',
    );
    expect(rulesOf([])).toBe('');
  });

  const port = fc.integer({ min: 0, max: 65_535 });
  const redirection = fc.record({
    address: fc
      .tuple(fc.nat(255), fc.nat(255), fc.integer({ min: 1, max: 254 }))
      .map((rest) => `127.${rest.join('.')}`),
    hostPort: port,
    protocol: fc.constant('tcp' as const),
    landingPort: port,
  });

  it('say what they should to somebody who reads them by the grammar of pf.conf(5)', () => {
    fc.assert(
      fc.property(fc.array(redirection, { maxLength: 20 }), (redirections) => {
        expect(parsePfConf(rulesOf(redirections))).toEqual({
          errors: [],
          redirections: redirections.map(({ address, hostPort, protocol, landingPort }) => ({
            interface: 'lo0',
            passes: true,
            protocol,
            address,
            port: hostPort,
            targetAddress: '127.0.0.1',
            targetPort: landingPort,
          })),
        });
      }),
    );
  });
});

describe('the anchor of a sandbox', () => {
  it('hangs where the rules of macOS look, one level below com.apple', () => {
    expect(anchorOf('wasmrun-web')).toBe('com.apple/wasmrun-web');
  });

  it('exists for every name a sandbox can have', () => {
    const prefix = fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/);
    fc.assert(
      fc.property(prefix, fc.string(), fc.nat(9999), (prefix, path, number) => {
        const name = namespaceName(prefix, `${deriveName(path)}-${number}`);
        expect(anchorOf(name)).toBe(`com.apple/${name}`);
      }),
    );
  });

  it('is refused or safe, whatever the name', () => {
    const name = fc.oneof(
      fc.string(),
      fc.stringMatching(/^[a-z0-9-]+$/),
      fc.constantFrom('', '..', 'a/b', 'a*', '-f'),
    );
    fc.assert(
      fc.property(name, (name) => {
        let anchor: string;
        try {
          anchor = anchorOf(name);
        } catch {
          return;
        }
        expect(anchor).toMatch(/^com\.apple\/[a-z][a-z0-9-]*$/);
        expect(anchor.length).toBeLessThan('com.apple/'.length + 64);
      }),
    );
    for (const bad of ['', '..', 'a/b', 'a*', '-f', 'a b', 'a\n', 'A', 'a'.repeat(64)])
      expect(() => anchorOf(bad), bad).toThrow('cannot be an anchor');
  });
});

describe('the token of pfctl -E', () => {
  it('is found among what else is printed, to its last digit', () => {
    const recorded = 'No ALTQ support in kernel\nALTQ related functions disabled\npf enabled\n';
    expect(parseEnableToken(`${recorded}Token : 15053025338191571182\n`)).toBe('15053025338191571182');
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.lorem(), (token, noise) => {
        expect(parseEnableToken(`${noise}\nToken : ${token}\n${noise}`)).toBe(String(token));
      }),
    );
  });

  it.each(['', 'pf enabled\n', 'pfctl: pf already enabled\n', 'Token :\n', 'Token : -1\n', ' Token : 1x\n'])(
    'is not made up from %j',
    (output) => expect(parseEnableToken(output)).toBeUndefined(),
  );
});
