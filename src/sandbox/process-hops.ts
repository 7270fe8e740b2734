/** The steps that are processes: who supervises a sandbox, what runs its app, and what the app listens on. */
import { ConnectionCount } from '../network/forward-connections.ts';
import { bracket, formatMapping, formatPort, isWildcard } from '../network/forward.ts';
import { broken, countOf, type Hop, ok, skipped } from '../network/hop.ts';
import { boundSockets, type BoundSocket } from '../network/port-owner.ts';
import type { HeldForward } from '../network/transport.ts';
import { childrenOf, commandLineOf, processState } from '../os/process.ts';
import { SocketDiagnosis } from '../os/socket-diagnosis.ts';
import type { ForwardInfo } from './control/sandbox-info.ts';
import { isEngine } from './engine-binary.ts';
import type { SandboxRecord } from './record.ts';
import type { FoundRecord } from './state.ts';

/** How long the kernel remembers a connection that has ended, in ms (`TCP_TIMEWAIT_LEN`, net/tcp.h). */
const REMEMBERED_MS = 60_000;

/** Does the supervisor live, and do something? */
export const supervisorHop = ({ record: { name, pid, isDetached }, isAlive }: FoundRecord): Hop => {
  if (!isAlive) {
    const again = isDetached ? `wasmrun start ${name}` : 'start it anew';
    return broken(
      'supervisor',
      `the supervisor of ${name} (pid ${pid}) was killed`,
      `wasmrun gc removes what it has left; then ${again}`,
    );
  }
  if (processState(pid) === 'stopped') {
    return broken(
      'supervisor',
      `the supervisor of ${name} (pid ${pid}) is frozen: a signal has stopped it (SIGSTOP, Ctrl-Z)`,
      `let it go on: kill -CONT ${pid}, or fg in its terminal`,
    );
  }
  return ok('supervisor', `the supervisor of ${name} (pid ${pid}) lives`);
};

/** Process ids of a supervisor's engines: one, or two while a version takes the place of another. */
export const enginesOf = (supervisor: number): number[] =>
  childrenOf(supervisor).filter((pid) => isEngine(commandLineOf(pid)));

/** Does an engine live, which the app runs in? */
export const engineHop = ({ name, isDetached }: SandboxRecord, engines: readonly number[]): Hop => {
  const living = engines.filter((pid) => processState(pid) !== 'ended');
  const frozen = living.find((pid) => processState(pid) === 'stopped');
  if (frozen !== undefined) {
    return broken(
      'engine',
      `the engine of ${name} (pid ${frozen}) is frozen: a signal has stopped it (SIGSTOP)`,
      `let it go on: kill -CONT ${frozen}`,
    );
  }
  if (living.length > 0) return ok('engine', `the engine of ${name} lives (pid ${living.join(', ')})`);
  const fix = isDetached
    ? `wasmrun logs ${name} says why; wasmrun restart ${name}`
    : 'its output says why; a change of its files starts it again where they are watched';
  return broken('engine', `the app of ${name} does not run: it has ended`, fix);
};

export interface AppQuestion {
  readonly forward: HeldForward;
  /** Process id of the engine. */
  readonly engine: number;
  /** Where the kernel redirects to; absent where the engine accepts on the host port itself. */
  readonly redirectedTo: string | undefined;
}

/** Sockets by which an app in a network of its own takes what comes to a process port. */
export const listenersOf = ({ forward, engine }: AppQuestion): BoundSocket[] =>
  boundSockets(engine, forward.protocol).filter(({ port }) => port === forward.processPort);

/** Does the app listen where the forward leads? */
export const appHop = (name: string, question: AppQuestion): Hop => {
  const { forward, engine, redirectedTo } = question;
  const { processPort, protocol, hostPort } = forward;
  const verb = protocol === 'tcp' ? 'listens on' : 'has bound';
  const listeners = listenersOf(question);
  const port = formatPort(processPort, protocol);
  if (listeners.length === 0) {
    const others = boundSockets(engine, protocol);
    const first = others[0];
    const instead = others.length === 0 ? 'no port' : placesOf(others);
    const fix =
      first === undefined
        ? `have the app listen on port ${port}; its output may say why it does not`
        : `have the app listen on ${processPort}, or lead there: wasmrun port expose ${name} ` +
          formatMapping({ hostPort, processPort: first.port, protocol });
    return broken('app', `nothing ${verb} port ${port} in ${name}: the app ${verb} ${instead}`, fix);
  }
  const isReached = ({ address }: BoundSocket): boolean => isWildcard(address) || address === redirectedTo;
  if (redirectedTo !== undefined && !listeners.some(isReached)) {
    return broken(
      'app',
      `the app ${verb} ${placesOf(listeners)} only, and connections come to ${redirectedTo}`,
      'have it listen on 0.0.0.0',
    );
  }
  const waiting = protocol === 'tcp' ? listeners.reduce((sum, each) => sum + each.waiting, 0) : 0;
  const queue = waiting === 0 ? '' : `; waiting for it to accept: ${countOf(waiting, 'connection')}`;
  return ok('app', `the app ${verb} ${placesOf(listeners)}${queue}`);
};

/** As {@link appHop}, where the ports of the app are the engine's alone. */
export const virtualAppHop = (
  name: string,
  { processPort, protocol }: HeldForward,
  info: ForwardInfo | undefined,
): Hop => {
  const port = formatPort(processPort, protocol);
  if (info === undefined) return skipped('app', 'only its supervisor knows what the app listens on');
  if (info.state === 'open') return ok('app', `the app listens on port ${port}`);
  const fix = `have the app listen on port ${port}; its output may say why it does not`;
  return broken('app', `nothing listens on port ${port} in ${name}`, fix);
};

/** What runs through, and has run. */
export const connectionsHop = (forward: HeldForward, info: ForwardInfo | undefined): Hop => {
  const { protocol } = forward;
  const count = new ConnectionCount().through(forward);
  const noun = protocol === 'tcp' ? 'open connection' : 'client';
  const parts = [
    ...(count === undefined ? [] : [countOf(count, noun)]),
    ...(protocol === 'tcp' ? lastEnd(forward) : []),
    ...trafficOf(forward, info),
  ];
  return parts.length === 0
    ? skipped('connections', 'nobody can tell what runs through')
    : ok('connections', parts.join('; '));
};

/** Whoever closes first remembers it: a client of this machine, or the engine where it accepts on the host port. */
const lastEnd = ({ addresses, hostPort }: HeldForward): string[] => {
  using diagnosis = new SocketDiagnosis();
  const ends = diagnosis
    .list({ protocol: 'tcp', states: ['time-wait'] })
    .filter(
      ({ localAddress, localPort, remoteAddress, remotePort }) =>
        (remotePort === hostPort && addresses.includes(remoteAddress)) ||
        (localPort === hostPort && addresses.includes(localAddress)),
    )
    .map(({ expiresMs }) => Math.max(0, REMEMBERED_MS - expiresMs));
  return ends.length === 0 ? [] : [`the last one ended ${Math.round(Math.min(...ends) / 1000)} s ago`];
};

const trafficOf = ({ processPort, protocol }: HeldForward, info: ForwardInfo | undefined): string[] => {
  if (info?.traffic === undefined) return [];
  const { accepted, received, sent } = info.traffic;
  const what = countOf(accepted, protocol === 'tcp' ? 'connection' : 'datagram');
  return [`port ${processPort} has had ${what} in all, ${received} bytes in, ${sent} out`];
};

const placesOf = (sockets: readonly BoundSocket[]): string =>
  [...new Set(sockets.map(({ address, port }) => `${bracket(address)}:${port}`))].join(', ');
