/** The rules of pf that redirect a loopback port of macOS, as pf.conf(5) wants them written. */
import type { HeldForward } from '../transport.ts';

/** A port of the host that pf redirects to another one. */
export interface PfRedirection {
  /** An address in 127.0.0.0/8. */
  readonly address: string;
  /** 1–65535; in a plan 0 stands for one that is not known yet. */
  readonly hostPort: number;
  readonly protocol: HeldForward['protocol'];
  /** Port of 127.0.0.1 where somebody listens; in a plan 0, as above. */
  readonly landingPort: number;
}

/**
 * Anchors below this one are evaluated by the rules macOS starts with (/etc/pf.conf: `rdr-anchor
 * "com.apple/*"`), one level deep. An anchor anywhere else would have to be named in the main rules.
 */
const PARENT = 'com.apple';

/** One component of the path: `PF_ANCHOR_NAME_SIZE` of net/pfvar.h is 64 with its NUL. */
const COMPONENT = /^[a-z][a-z0-9-]{0,62}$/;

/**
 * The anchor of a sandbox, its own: what is loaded there replaces nobody else's rules.
 * @param sandbox - its name with the prefix, as in {@link Target.name}
 */
export const anchorOf = (sandbox: string): string => {
  if (!COMPONENT.test(sandbox)) throw new Error(`${JSON.stringify(sandbox)} cannot be an anchor of pf`);
  return `${PARENT}/${sandbox}`;
};

/**
 * One rule, of one address and one port: on lo0 every packet passes pf twice, and a broader rule would
 * catch the answers, too. `pass` lets the connection through the filter rules of others.
 */
const ruleOf = ({ address, hostPort, protocol, landingPort }: PfRedirection): string =>
  `rdr pass on lo0 inet proto ${protocol} from any to ${address} port ${hostPort} -> 127.0.0.1 port ${landingPort}`;

/** A whole ruleset; pfctl takes a last line without its newline for a syntax error. */
export const rulesOf = (redirections: readonly PfRedirection[]): string =>
  redirections.map((redirection) => `${ruleOf(redirection)}\n`).join('');
