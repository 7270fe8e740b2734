/**
 * Reads rulesets as pf.conf(5) of macOS describes them (its section GRAMMAR, its section STATEMENT ORDER), as
 * far as redirections and simple filter rules go, and complains in pfctl's words. Written from that page, not
 * from what wasmrun generates: it knows more than wasmrun writes, so that it can tell right from wrong.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** What a ruleset redirects. */
export interface ParsedRedirection {
  readonly interface: string | undefined;
  /** `pass` in the rule: filter rules are not asked. */
  readonly passes: boolean;
  readonly protocol: string;
  readonly address: string;
  readonly port: number;
  readonly targetAddress: string;
  readonly targetPort: number;
}

export interface ParsedRuleset {
  readonly redirections: readonly ParsedRedirection[];
  /** As pfctl prints them: `stdin:1: syntax error`. */
  readonly errors: readonly string[];
}

/** Statements have to come in this order (`set require-order`). */
const ORDER = ['set', 'scrub', 'queue', 'translation', 'filter'] as const;
const SECTION: Readonly<Record<string, (typeof ORDER)[number]>> = {
  set: 'set',
  scrub: 'scrub',
  altq: 'queue',
  queue: 'queue',
  nat: 'translation',
  rdr: 'translation',
  binat: 'translation',
  no: 'translation',
  'nat-anchor': 'translation',
  'rdr-anchor': 'translation',
  pass: 'filter',
  block: 'filter',
  anchor: 'filter',
  antispoof: 'filter',
};

class SyntaxProblem extends Error {}

export const parsePfConf = (text: string): ParsedRuleset => {
  const errors: string[] = [];
  const redirections: ParsedRedirection[] = [];
  const lines = text.split('\n');
  const unfinished = lines.pop() ?? '';
  if (unfinished !== '') lines.push(unfinished);
  let reached = 0;
  lines.forEach((line, index) => {
    const complain = (problem: string): void => void errors.push(`stdin:${index + 1}: ${problem}`);
    // The grammar ends every rule with a newline; the last one of a file has none by itself.
    if (line === unfinished && index === lines.length - 1 && unfinished !== '') {
      return complain('syntax error');
    }
    const words = line.replace(/#.*/, '').match(/->|[{}(),!=]|[^\s{}(),!=]+/g) ?? [];
    if (words.length === 0) return;
    const section = SECTION[words[0] ?? ''];
    if (section === undefined) return complain('syntax error');
    if (ORDER.indexOf(section) < reached) {
      return complain('Rules must be in order: options, normalization, queueing, translation, filtering');
    }
    reached = ORDER.indexOf(section);
    try {
      const redirection = new RuleReader(words).read();
      if (redirection !== undefined) redirections.push(redirection);
    } catch (error) {
      if (!(error instanceof SyntaxProblem)) throw error;
      complain(error.message === '' ? 'syntax error' : error.message);
    }
  });
  return { redirections, errors };
};

interface Host {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/** Reads one rule, word by word. */
class RuleReader {
  readonly #words: string[];

  constructor(words: readonly string[]) {
    this.#words = [...words];
  }

  read(): ParsedRedirection | undefined {
    const [kind] = this.#words;
    if (kind === 'rdr') return this.#redirection();
    if (kind === 'pass' || kind === 'block') return this.#filter();
    // Other statements are known to exist; nobody here writes them.
    return undefined;
  }

  /** `"rdr" ["pass"] ["on" ifspec] [af] ["proto" proto] hosts "->" redirhost ["port" port]` */
  #redirection(): ParsedRedirection {
    this.#expect('rdr');
    const passes = this.#take('pass');
    const on = this.#take('on') ? this.#next() : undefined;
    const family = this.#takeOneOf('inet', 'inet6');
    const protocol = this.#take('proto') ? this.#next() : undefined;
    const { to } = this.#hosts();
    this.#expect('->');
    const target = this.#host();
    this.#end();
    for (const { address, port } of [to, target]) {
      this.#check(
        port === undefined || protocol === 'tcp' || protocol === 'udp',
        'port only applies to tcp/udp',
      );
      const isRight = family === 'inet6' ? isIPv6 : isIPv4;
      if (family !== undefined && address !== undefined)
        this.#check(isRight(address), 'rule expands to no valid combination');
    }
    this.#check(target.address !== undefined, 'rdr rule expands to no valid combination');
    return {
      interface: on,
      passes,
      protocol: protocol ?? 'any',
      address: to.address ?? 'any',
      port: to.port ?? 0,
      targetAddress: target.address ?? '',
      targetPort: target.port ?? 0,
    };
  }

  /** `("pass" | "block") ["in" | "out"] ["quick"] ["on" ifspec] [af] ["proto" proto] hosts ["keep" "state"]` */
  #filter(): undefined {
    this.#next();
    this.#takeOneOf('in', 'out');
    this.#take('quick');
    if (this.#take('on')) this.#next();
    this.#takeOneOf('inet', 'inet6');
    if (this.#take('proto')) this.#next();
    this.#hosts();
    if (this.#take('keep')) this.#expect('state');
    this.#end();
    return undefined;
  }

  /** `"all" | "from" host ["port" port] "to" host ["port" port]` */
  #hosts(): { from: Host; to: Host } {
    const all = { address: undefined, port: undefined };
    if (this.#take('all')) return { from: all, to: all };
    this.#expect('from');
    const from = this.#host();
    this.#expect('to');
    return { from, to: this.#host() };
  }

  #host(): Host {
    const address = this.#next();
    this.#check(address === 'any' || isIPv4(address) || isIPv6(address));
    let port: number | undefined;
    if (this.#take('port')) {
      this.#take('=');
      const number = this.#next();
      this.#check(/^\d+$/.test(number) && Number(number) <= 65_535);
      port = Number(number);
    }
    return { address: address === 'any' ? undefined : address, port };
  }

  #check(holds: boolean, problem = ''): void {
    if (!holds) throw new SyntaxProblem(problem);
  }

  #next(): string {
    const word = this.#words.shift();
    if (word === undefined || /^(->|[{}(),!=])$/.test(word)) throw new SyntaxProblem('');
    return word;
  }

  #take(word: string): boolean {
    if (this.#words[0] !== word) return false;
    this.#words.shift();
    return true;
  }

  #takeOneOf(...words: string[]): string | undefined {
    return words.find((word) => this.#take(word));
  }

  #expect(word: string): void {
    this.#check(this.#take(word));
  }

  #end(): void {
    this.#check(this.#words.length === 0);
  }
}
