/** The connections that run through forwards at this moment: how many there are, and how they are ended. */
import { type Flow, flowsOf, flowsTo, forgetFlows } from '../os/connection-tracking.ts';
import { SystemCallError } from '../os/libc.ts';
import { openSockets } from '../os/process.ts';
import { type DiagnosedSocket, SocketDiagnosis, type SocketState } from '../os/socket-diagnosis.ts';
import { isWildcard } from './forward.ts';
import type { Redirection } from './firewall.ts';
import type { HeldForward, Target } from './transport.ts';
import { redirectionsOf } from './transports/redirect.ts';

/** States in which there is somebody to be told of the end. */
const OPEN: readonly SocketState[] = [
  'syn-received',
  'established',
  'fin-wait-1',
  'fin-wait-2',
  'close-wait',
];

/** What is established when it is made; asking it of a hundred forwards costs little more than of one. */
export class ConnectionCount {
  readonly #byLocalPort: ReadonlyMap<number, readonly DiagnosedSocket[]>;
  readonly #byRemotePort: ReadonlyMap<number, readonly DiagnosedSocket[]>;
  #flows: ReadonlyMap<number, readonly Flow[]> | undefined;

  /** Asks the kernel about the network namespace of the calling thread, which any user may. */
  constructor() {
    using diagnosis = new SocketDiagnosis();
    const sockets = diagnosis.list({ protocol: 'tcp', states: ['established'] });
    this.#byLocalPort = Map.groupBy(sockets, ({ localPort }) => localPort);
    this.#byRemotePort = Map.groupBy(sockets, ({ remotePort }) => remotePort);
  }

  /**
   * How many connections run through a forward; of UDP how many clients the kernel remembers, which it does for
   * two minutes.
   * @returns undefined where the kernel does not tell: of UDP it takes CAP_NET_ADMIN and a firewall
   */
  through(forward: HeldForward): number | undefined {
    return forward.protocol === 'tcp' ? this.#connections(forward) : this.#clients(forward);
  }

  /**
   * Of a redirected connection one end is in the sandbox, where two forwards to one process port look alike; its
   * client's end is here. Of a handed-over one both ends may be here, and count once.
   */
  #connections({ addresses, hostPort }: HeldForward): number {
    const served = (this.#byLocalPort.get(hostPort) ?? [])
      .filter(({ localAddress }) => isOneOf(localAddress, addresses))
      .map(({ remoteAddress, remotePort }) => `${remoteAddress} ${remotePort}`);
    const clients = (this.#byRemotePort.get(hostPort) ?? [])
      .filter(({ remoteAddress }) => addresses.includes(remoteAddress))
      .map(({ localAddress, localPort }) => `${localAddress} ${localPort}`);
    return new Set([...served, ...clients]).size;
  }

  #clients({ addresses, hostPort }: HeldForward): number | undefined {
    this.#flows ??= unlessRefused(() =>
      Map.groupBy(flowsOf('udp'), ({ original }) => original.destination.port),
    );
    if (this.#flows === undefined) return undefined;
    const flows = this.#flows.get(hostPort) ?? [];
    return flows.filter(({ original }) => isOneOf(original.destination.address, addresses)).length;
  }
}

/** Is a forward that is held on these addresses reached by this one? */
const isOneOf = (address: string, addresses: readonly string[]): boolean =>
  addresses.includes(address) ||
  addresses.some((each) => isWildcard(each) && each.includes(':') === address.includes(':'));

/**
 * Ends the connections of TCP that run through a forward, at once and whatever the guest is doing: its clients
 * are told by a reset. Others, also through forwards to the same process port, are not touched. To be called when
 * the forward is closed: else its clients are back at once.
 *
 * It takes CAP_NET_ADMIN; without it nothing happens here, and the engine alone ends what it has accepted. A
 * kernel that cannot end sockets (CONFIG_INET_DIAG_DESTROY) forgets redirected connections instead: their next
 * packet, either way, is answered by a reset.
 * @param engines - process ids of those that accept from the forward's listeners
 * @returns how many were ended
 */
export const cutConnections = (
  forward: HeldForward,
  { link }: Target,
  engines: readonly number[],
): number => {
  if (forward.protocol !== 'tcp') return 0;
  const redirections = link === undefined ? [] : redirectionsOf(forward, link);
  const ends = [
    ...redirections.map((redirection) => () => cutRedirected(redirection, engines)),
    () => cutHandedOver(forward, engines),
  ];
  return ends.reduce((count, end) => count + (unlessRefused(end) ?? 0), 0);
};

/** The sandbox's ends: only the kernel's memory of the redirection tells by which host port each has come. */
const cutRedirected = (redirection: Redirection, engines: readonly number[]): number => {
  const { protocol, address, hostPort, sandboxAddress, processPort } = redirection;
  const destination = { protocol, address, port: hostPort };
  const peers = new Set(
    flowsTo(destination)
      .map(({ reply }) => reply)
      .filter(({ source }) => source.address === sandboxAddress && source.port === processPort)
      .map(({ destination: peer }) => `${peer.address} ${peer.port}`),
  );
  const [engine] = engines;
  // Where there is no engine, nobody is left who has an end.
  if (peers.size === 0 || engine === undefined) return 0;
  // By its process: the name of the namespace may have been taken away.
  using inside = SocketDiagnosis.in(`/proc/${engine}/ns/net`);
  const sockets = inside
    .list({ protocol, localPort: processPort, states: OPEN })
    .filter(({ remoteAddress, remotePort }) => peers.has(`${remoteAddress} ${remotePort}`));
  return destroyAll(inside, sockets) ?? forgetFlows(destination);
};

/**
 * Has nobody listen on the host port of a forward that is closed: an engine whose guest computes learns late that
 * it is to, and would keep clients waiting until then. Without CAP_NET_ADMIN they do.
 * @param engines - as in {@link cutConnections}
 */
export const endListening = (forward: HeldForward, engines: readonly number[]): void => {
  if (forward.protocol === 'tcp') unlessRefused(() => destroyOwn(forward, ['listen'], engines));
};

const cutHandedOver = (forward: HeldForward, engines: readonly number[]): number =>
  destroyOwn(forward, OPEN, engines);

/** Sockets of the host port that an engine has open: those of whoever had the port before are none of ours. */
const destroyOwn = (
  { addresses, hostPort }: HeldForward,
  states: readonly SocketState[],
  engines: readonly number[],
): number => {
  using here = new SocketDiagnosis();
  const sockets = here
    .list({ protocol: 'tcp', localPort: hostPort, states })
    .filter(({ localAddress }) => isOneOf(localAddress, addresses));
  if (sockets.length === 0) return 0;
  const own = engines.map(openSockets);
  const isOwn = ({ inode }: DiagnosedSocket): boolean => own.some((inodes) => inodes.has(inode));
  return destroyAll(here, sockets.filter(isOwn)) ?? 0;
};

/** Undefined where the kernel does not let this process, or cannot; an engine may have ended meanwhile. */
const unlessRefused = <Result>(action: () => Result): Result | undefined => {
  try {
    return action();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined;
    throw error;
  }
};

/** How many there were; undefined where the kernel cannot. */
const destroyAll = (diagnosis: SocketDiagnosis, sockets: readonly DiagnosedSocket[]): number | undefined => {
  try {
    return sockets.filter((socket) => diagnosis.destroy(socket)).length;
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EOPNOTSUPP') return undefined;
    throw error;
  }
};
