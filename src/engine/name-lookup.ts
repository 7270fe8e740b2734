/**
 * Host names to addresses. The supervisor looks them up, so that the rules for outbound connections hold for
 * names as well, and no helper outside (nscd, systemd-resolved) has to be reached from inside the sandbox.
 */
import { libc as library } from '../os/libc.ts';
import type { Broker, Resolution } from './broker.ts';
import { WASI } from './errno.ts';
import { AF_INET, AF_INET6 } from './socket-address.ts';

const inetPton: (family: number, text: string, ip: Buffer) => number = library.func(
  'int inet_pton(int, const char *, void *)',
);

const LOOPBACK: Readonly<Record<4 | 6, Uint8Array>> = {
  4: Uint8Array.of(127, 0, 0, 1),
  6: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
};
/** RFC 1035 §2.3.4: labels of at most 63 characters, 253 in all; printable, for the line it is sent in. */
const NAME = /^(?=.{1,253}$)[!-~]{1,63}(\.[!-~]{1,63})*$/;

export type IpFamily = 4 | 6;

/** Why there is no address: the name does not exist, has no address of that family, or nobody answered. */
export type LookupFailure = 'unknown-name' | 'no-address' | 'try-again';

/** The bytes of a numeric IPv4 or IPv6 address, undefined for anything else (inet_pton(3)). */
export const numericAddress = (text: string): Uint8Array | undefined => {
  if (text.includes('\0')) return undefined;
  const ip = Buffer.alloc(16);
  if (inetPton(AF_INET, text, ip) === 1) return Uint8Array.from(ip.subarray(0, 4));
  return inetPton(AF_INET6, text, ip) === 1 ? Uint8Array.from(ip) : undefined;
};

const familyOf = (ip: Uint8Array): IpFamily => (ip.length === 4 ? 4 : 6);

/** The addresses of a host, numeric or by name, in the order of `families`. */
export const lookUp = (
  broker: Broker,
  host: string,
  families: readonly IpFamily[],
): readonly Uint8Array[] | LookupFailure => {
  const known = knownAddresses(host, families);
  return typeof known === 'object' && 'name' in known ? select(broker.resolve(known.name), families) : known;
};

/** {@link lookUp} for a reactor: `done` is called once, at once where nobody has to be asked. */
export const startLookUp = (
  broker: Broker,
  host: string,
  families: readonly IpFamily[],
  done: (found: readonly Uint8Array[] | LookupFailure) => void,
): void => {
  const known = knownAddresses(host, families);
  if (typeof known === 'object' && 'name' in known) {
    broker.startResolve(known.name, (answer) => done(select(answer, families)));
  } else done(known);
};

/** What can be told without asking, or the name to ask for. */
const knownAddresses = (
  host: string,
  families: readonly IpFamily[],
): readonly Uint8Array[] | LookupFailure | { readonly name: string } => {
  const ip = numericAddress(host);
  if (ip !== undefined) return families.includes(familyOf(ip)) ? [ip] : 'no-address';
  const name = host.replace(/\.$/, '').toLowerCase();
  // RFC 6761 section 6.3: localhost is never asked for.
  if (name === 'localhost' || name.endsWith('.localhost')) return families.map((family) => LOOPBACK[family]);
  return NAME.test(name) ? { name } : 'unknown-name';
};

const select = (answer: Resolution, families: readonly IpFamily[]): readonly Uint8Array[] | LookupFailure => {
  if (typeof answer === 'number') return answer === WASI.ENOENT ? 'unknown-name' : 'try-again';
  const ips = answer.flatMap((text) => numericAddress(text) ?? []);
  const found = families.flatMap((family) => ips.filter((each) => familyOf(each) === family));
  return found.length > 0 ? found : 'no-address';
};
