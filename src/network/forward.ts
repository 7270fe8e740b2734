/**
 * Forwards as people write them: `8080:3000` and its longer forms. Parsing and printing only; nothing
 * here touches the network.
 *
 *     3000                     any free host port → 3000
 *     8080:3000                host port 8080 → 3000
 *     127.0.0.1:8080:3000      on one host address; IPv6 in brackets: [::1]:8080:3000
 *     127.0.0.1::3000          any free host port of that address
 *     8000-8003:3000-3003      ranges of equal length
 *     5353:53/udp              the protocol; TCP is the default
 */
import { isIP, isIPv6, SocketAddress } from 'node:net';
import { WasmrunError } from '../errors.ts';
import type { Protocol } from '../os/socket.ts';

/** One written forward; a range of ports counts as one. */
export interface ForwardSpec {
  /** Host address in canonical form; absent: wherever `bind` says (by default 127.0.0.1 and ::1). */
  readonly address?: string;
  /** First host port, 1–65535; absent: any free one. */
  readonly hostPort?: number;
  /** First port inside the sandbox, 1–65535. */
  readonly processPort: number;
  /** How many consecutive ports, 1 for a single one. */
  readonly count: number;
  readonly protocol: Protocol;
}

/** Highest port: the field is 16 bits wide (RFC 9293 §3.1, RFC 768); 0 is not a port one can reach. */
const MAX_PORT = 65_535;
const FORM = 'write HOST_PORT:PROCESS_PORT, such as 8080:3000';

interface PortRange {
  readonly first: number;
  readonly count: number;
}

/** What is wrong with the text; `parseForward` adds the text itself. */
class ForwardProblem extends Error {
  readonly hint: string;
  constructor(reason: string, hint: string = FORM) {
    super(reason);
    this.hint = hint;
  }
}

/**
 * Reads one forward.
 * @throws {WasmrunError} `FORWARD_INVALID` quoting the text and saying what is wrong with it.
 */
export const parseForward = (text: string): ForwardSpec => {
  try {
    return parse(text);
  } catch (problem) {
    if (!(problem instanceof ForwardProblem)) throw problem;
    throw new WasmrunError('FORWARD_INVALID', `forward "${text}": ${problem.message}`, {
      hint: problem.hint,
    });
  }
};

const parse = (text: string): ForwardSpec => {
  if (text === '') throw new ForwardProblem('it is empty');
  const slash = text.lastIndexOf('/');
  const protocol = slash >= 0 ? parseProtocol(text.slice(slash + 1), text.slice(0, slash)) : 'tcp';
  const { address, host, process } = splitParts(slash >= 0 ? text.slice(0, slash) : text);

  const processPorts = parsePorts(process, 'process port');
  const hostPorts = host === undefined || host === '' ? undefined : parsePorts(host, 'host port');
  if (host === '' && address === undefined) {
    throw new ForwardProblem(
      'the host port before ":" is missing',
      `for any free host port write ${formatPort(process, protocol)}`,
    );
  }
  if (hostPorts !== undefined && hostPorts.count !== processPorts.count) {
    throw new ForwardProblem(
      `${host} is ${counted(hostPorts.count)} and ${process} is ${counted(processPorts.count)}`,
      'give both sides the same number of ports, such as 8000-8003:3000-3003',
    );
  }
  return {
    ...(address === undefined ? {} : { address: parseForwardAddress(address) }),
    ...(hostPorts === undefined ? {} : { hostPort: hostPorts.first }),
    processPort: processPorts.first,
    count: processPorts.count,
    protocol,
  };
};

const counted = (ports: number): string => (ports === 1 ? 'one port' : `${ports} ports`);

const parseProtocol = (text: string, rest: string): Protocol => {
  const protocol = text.toLowerCase();
  if (protocol === 'tcp' || protocol === 'udp') return protocol;
  throw new ForwardProblem(`"${text}" is not a protocol`, `write ${rest} for TCP, ${rest}/udp for UDP`);
};

/** Cuts `[address:][host:]process` at its colons; an empty `host` means any free port. */
const splitParts = (text: string): { address?: string; host?: string; process: string } => {
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(text);
  const [address, rest] = bracketed ? [bracketed[1] ?? '', bracketed[2] ?? ''] : [undefined, text];
  const parts = rest.split(':');
  const [first = '', second = '', third = ''] = parts;
  if (address !== undefined) {
    if (parts.length !== 2)
      throw new ForwardProblem('after the address come two ports', `write [${address}]:8080:3000`);
    return { address, host: first, process: second };
  }
  if (parts.length === 1) return { process: first };
  if (parts.length === 2) return { host: first, process: second };
  if (parts.length === 3) return { address: first, host: second, process: third };
  const looksLikeIPv6 = isIPv6(parts.slice(0, -2).join(':'));
  throw new ForwardProblem(
    looksLikeIPv6 ? 'an IPv6 address needs brackets' : `it has ${parts.length - 1} colons`,
    looksLikeIPv6 ? `write [${parts.slice(0, -2).join(':')}]:${parts.slice(-2).join(':')}` : FORM,
  );
};

const parsePorts = (text: string, role: string): PortRange => {
  if (text === '') throw new ForwardProblem(`the ${role} after ":" is missing`);
  const dash = /^(\d+)-(\d+)$/.exec(text);
  if (dash === null) return { first: parsePort(text, role), count: 1 };
  const first = parsePort(dash[1] ?? '', role);
  const last = parsePort(dash[2] ?? '', role);
  if (last < first) {
    throw new ForwardProblem(`the range ${text} runs backwards`, `write ${last}-${first}`);
  }
  return { first, count: last - first + 1 };
};

const parsePort = (text: string, role: string): number => {
  if (!/^\d+$/.test(text)) {
    const ports = text.match(/\d+/g) ?? [];
    throw new ForwardProblem(
      `"${text}" is not a ${role}`,
      ports.length === 2 ? `did you mean ${ports[0]}:${ports[1]}?` : FORM,
    );
  }
  const port = Number(text);
  if (port >= 1 && port <= MAX_PORT) return port;
  throw new ForwardProblem(
    `port ${text} is outside 1–${MAX_PORT}`,
    role === 'host port' && port === 0
      ? 'for any free host port leave it out: write only the process port, such as 3000'
      : `choose a ${role} from 1 to ${MAX_PORT}`,
  );
};

const parseForwardAddress = (text: string): string => {
  try {
    return parseHostAddress(text);
  } catch (error) {
    if (!(error instanceof WasmrunError)) throw error;
    throw new ForwardProblem(error.message, error.hint ?? FORM);
  }
};

/**
 * Reads a host address to listen on and returns its canonical form (RFC 5952 for IPv6).
 * @throws {WasmrunError} `BIND_INVALID`
 */
export const parseHostAddress = (text: string): string => {
  const fail = (reason: string, hint: string) =>
    new WasmrunError('BIND_INVALID', `"${text}" ${reason}`, { hint });
  const family = isIP(text);
  if (family === 4) return text;
  if (family === 0) {
    throw fail('is not an IP address', 'write an address of this machine, such as 127.0.0.1, ::1 or 0.0.0.0');
  }
  if (text.includes('%'))
    throw fail('has a zone', 'link-local addresses cannot be forwarded; use another one');
  const canonical = new SocketAddress({ address: text, family: 'ipv6' }).address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(canonical);
  if (mapped) throw fail('is an IPv4 address in IPv6 form', `write ${mapped[1]}`);
  return canonical;
};

/** Writes a forward back: `parseForward(formatForward(spec))` equals `spec`. */
export const formatForward = (spec: ForwardSpec): string => {
  const range = (first: number) => (spec.count === 1 ? `${first}` : `${first}-${first + spec.count - 1}`);
  const host = spec.hostPort === undefined ? '' : range(spec.hostPort);
  const process = formatPort(range(spec.processPort), spec.protocol);
  if (spec.address !== undefined) return `${bracket(spec.address)}:${host}:${process}`;
  return host === '' ? process : `${host}:${process}`;
};

/** A port, a range of them or what ends in one, for people: TCP goes without saying. */
export const formatPort = (port: number | string, protocol: Protocol): string =>
  protocol === 'tcp' ? `${port}` : `${port}/${protocol}`;

/** A host port, and the process port it leads to. */
export interface PortMapping {
  readonly hostPort: number;
  readonly processPort: number;
  readonly protocol: Protocol;
}

/** A mapping for people, as {@link formatPort} writes ports. */
export const formatMapping = ({ hostPort, processPort, protocol }: PortMapping): string =>
  formatPort(`${hostPort}:${processPort}`, protocol);

/** @param wanted - for people; absent: any at all */
export const forwardNotFound = (
  sandbox: string,
  wanted: string | undefined,
  forwards: readonly PortMapping[],
): WasmrunError => {
  const name = wanted === undefined ? '' : ` ${wanted}`;
  const all = forwards.map(formatMapping).join(', ');
  return new WasmrunError('FORWARD_NOT_FOUND', `${sandbox} has no forward${name}`, {
    hint: all === '' ? 'it has none at all' : `it has ${all}`,
  });
};

/** One forward for each port of a range. */
export const expandForward = (spec: ForwardSpec): ForwardSpec[] =>
  Array.from({ length: spec.count }, (_, offset) => ({
    ...spec,
    ...(spec.hostPort === undefined ? {} : { hostPort: spec.hostPort + offset }),
    processPort: spec.processPort + offset,
    count: 1,
  }));

/** Two forwards that would hold the same port of the same address. */
export interface DuplicateHostPort {
  readonly earlier: ForwardSpec;
  readonly later: ForwardSpec;
  /** Index of `later` in the list. */
  readonly index: number;
  /** The lowest host port both want. */
  readonly hostPort: number;
}

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Is it every address of the machine? */
export const isWildcard = (address: string): boolean => WILDCARDS.has(address);

/**
 * Would listening on both reach the same clients? A wildcard overlaps every address, also of the
 * other family: `localhost` must not lead to two places.
 */
export const addressesOverlap = (one: string, other: string): boolean =>
  one === other || isWildcard(one) || isWildcard(other);

/**
 * Finds forwards that hold the same host port.
 * @param bind addresses of forwards that name none
 */
export const findDuplicateHostPorts = (
  forwards: readonly ForwardSpec[],
  bind: readonly string[],
): DuplicateHostPort[] => {
  const addressesOf = (forward: ForwardSpec) => (forward.address === undefined ? bind : [forward.address]);
  return forwards.flatMap((later, index) =>
    forwards.slice(0, index).flatMap((earlier) => {
      const hostPort = commonHostPort(earlier, later);
      const overlap = addressesOf(earlier).some((one) =>
        addressesOf(later).some((other) => addressesOverlap(one, other)),
      );
      return hostPort !== undefined && overlap ? [{ earlier, later, index, hostPort }] : [];
    }),
  );
};

const commonHostPort = (one: ForwardSpec, other: ForwardSpec): number | undefined => {
  if (one.hostPort === undefined || other.hostPort === undefined) return undefined;
  if (one.protocol !== other.protocol) return undefined;
  const first = Math.max(one.hostPort, other.hostPort);
  const end = Math.min(one.hostPort + one.count, other.hostPort + other.count);
  return first < end ? first : undefined;
};

/** The error for a duplicate: names both forwards and the port. */
export const duplicateForwardError = ({ earlier, later, hostPort }: DuplicateHostPort): WasmrunError =>
  new WasmrunError(
    'FORWARD_DUPLICATE',
    `forwards "${formatForward(earlier)}" and "${formatForward(later)}" both use host port ${hostPort}`,
    { hint: 'give one of them another host port, or write only its process port for any free one' },
  );

/** An IPv6 address in the brackets that a following port needs (RFC 3986 §3.2.2). */
export const bracket = (address: string): string => (address.includes(':') ? `[${address}]` : address);
