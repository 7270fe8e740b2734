/** The validator that stands in for pfctl's parser: it has to know right from wrong, or nothing it passes counts. */
import { describe, expect, it } from 'vitest';
import { parsePfConf } from '../../helpers/pf-conf.ts';

const RDR = 'rdr pass on lo0 inet proto tcp from any to 127.0.0.1 port 80 -> 127.0.0.1 port 8080';

describe('a ruleset of pf', () => {
  it('may hold comments, empty lines, translation and then filter rules', () => {
    const text = `# mine\n\n${RDR}\nrdr-anchor "com.apple/*"\npass in quick on lo0 proto tcp from any to any port 8080 keep state\nblock all\n`;
    const { errors, redirections } = parsePfConf(text);
    expect(errors).toEqual([]);
    expect(redirections).toMatchObject([{ interface: 'lo0', passes: true, port: 80, targetPort: 8080 }]);
    expect(parsePfConf('')).toEqual({ errors: [], redirections: [] });
  });

  it.each([
    ['a last line without its newline', RDR, 'stdin:1: syntax error'],
    [
      'filter rules before translation',
      `pass in quick on lo0 proto tcp from any to any port 8080\n${RDR}\n`,
      'stdin:2: Rules must be in order: options, normalization, queueing, translation, filtering',
    ],
    [
      'a port without a protocol',
      `${RDR.replace(' proto tcp', '')}\n`,
      'stdin:1: port only applies to tcp/udp',
    ],
    ['no target', 'rdr on lo0 inet proto tcp from any to 127.0.0.1 port 80\n', 'stdin:1: syntax error'],
    ['a port that is none', `${RDR.replace('8080', '65536')}\n`, 'stdin:1: syntax error'],
    ['a word that is none', `redirect${RDR}\n`, 'stdin:1: syntax error'],
    ['words in the wrong order', `${RDR.replace('pass on lo0', 'on lo0 pass')}\n`, 'stdin:1: syntax error'],
    ['something behind the end', `${RDR} please\n`, 'stdin:1: syntax error'],
    [
      'addresses of the other family',
      `${RDR.replace('inet ', 'inet6 ')}\n`,
      'stdin:1: rule expands to no valid combination',
    ],
    ['an injected line', `${RDR.replace('8080', '8080\nload anchor x')}\n`, 'stdin:2: syntax error'],
  ])('is refused for %s', (_, text, error) => {
    expect(parsePfConf(text).errors).toContain(error);
  });
});
