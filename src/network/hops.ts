/** The steps on the host's side, and between host and sandbox. Nothing here changes anything. */
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { WasmrunError } from '../errors.ts';
import { type InterfaceState, listInterfaces } from '../os/interfaces.ts';
import { SystemCallError } from '../os/libc.ts';
import { inNamespace } from '../os/network-namespace.ts';
import { flowsTo } from '../os/connection-tracking.ts';
import { openSockets } from '../os/process.ts';
import { RouteSocket } from '../os/route-socket.ts';
import { SocketDiagnosis } from '../os/socket-diagnosis.ts';
import { findDrops } from './dropped-packets.ts';
import type { FirewallBackend, Redirection } from './firewall.ts';
import { bracket, formatPort } from './forward.ts';
import { broken, countOf, type Hop, ok, skipped } from './hop.ts';
import { isLoopback } from './loopback.ts';
import { LINK_PREFIX_LENGTH, namespacePath, SANDBOX_INTERFACE, type Link } from './namespace.ts';
import { findObstacles, readRulesets } from './other-firewalls.ts';
import { findPortOwner } from './port-owner.ts';
import type { HeldForward } from './transport.ts';

/** Is the host port held on each address, and by whom? */
export const listenerHop = (
  { protocol, addresses, hostPort }: HeldForward,
  { name, pid }: { name: string; pid: number },
): Hop => {
  using diagnosis = new SocketDiagnosis();
  const sockets = diagnosis
    .list({ protocol, localPort: hostPort })
    .filter(({ state }) => state === (protocol === 'tcp' ? 'listen' : 'close'));
  const own = openSockets(pid);
  const port = formatPort(hostPort, protocol);
  for (const address of addresses) {
    const place = `${bracket(address)}:${port}`;
    const found = sockets.filter(({ localAddress }) => localAddress === address);
    // Of a process of another user it cannot be told what it has open.
    if (found.some(({ inode }) => own.has(inode)) || (found.length > 0 && own.size === 0)) continue;
    const owner = findPortOwner(address, hostPort, protocol);
    return broken(
      'listener',
      owner === undefined
        ? `nobody holds ${place}: the socket of the supervisor (pid ${pid}) is gone`
        : `${place} is held by ${owner.command} (pid ${owner.pid}), not by the supervisor (pid ${pid})`,
      owner === undefined
        ? `start ${name} anew: it holds its host ports when it starts`
        : `stop ${owner.command} (kill ${owner.pid}), then start ${name} anew`,
    );
  }
  const places = addresses.map((address) => `${bracket(address)}:${port}`).join(' and ');
  const waiting = sockets.reduce((sum, { receiveQueue }) => sum + receiveQueue, 0);
  const queue = protocol === 'tcp' && waiting > 0 ? `; waiting there: ${countOf(waiting, 'connection')}` : '';
  return ok('listener', `the supervisor holds ${places}${queue}`);
};

export interface RedirectionQuestion {
  readonly backend: FirewallBackend;
  readonly prefix: string;
  readonly link: Link;
  readonly redirections: readonly Redirection[];
  /** Does the app listen? Else nothing is redirected yet. */
  readonly isListening: boolean;
}

/** Does the kernel lead connections to the loopback addresses into the sandbox? */
export const redirectionHop = async (question: RedirectionQuestion): Promise<Hop> => {
  const { backend, prefix, link, redirections, isListening } = question;
  const { name } = backend;
  const places = redirections.map(({ address, hostPort }) => `${address}:${hostPort}`).join(' and ');
  const [{ sandboxAddress, processPort }] = redirections as [Redirection];
  const target = `${sandboxAddress}:${processPort}`;
  const repair = 'its supervisor puts that back within 2 seconds; where it does not, start the sandbox anew';
  try {
    if (!(await backend.stands(prefix, { members: [link] }))) {
      return broken('redirection', `rules of ${name} that isolate the sandbox are missing`, repair);
    }
    if (!isListening) return skipped('redirection', `${places} is redirected once the app listens`);
    if (!(await backend.stands(prefix, { redirections })))
      return broken('redirection', `${name} does not redirect ${places} to ${target}`, repair);
  } catch (error) {
    if (!(error instanceof WasmrunError && error.code === 'PERMISSION_DENIED')) throw error;
    return skipped('redirection', `only root may look at the rules of ${name}`);
  }
  const flows = rememberedFlows(redirections);
  const counted = flows === undefined ? '' : `; it remembers ${countOf(flows, 'redirected connection')}`;
  return ok('redirection', `${name} redirects ${places} to ${target}${counted}`);
};

/** Undefined where the kernel does not tell. */
const rememberedFlows = (redirections: readonly Redirection[]): number | undefined => {
  try {
    return redirections.flatMap(({ protocol, address, hostPort, sandboxAddress }) =>
      flowsTo({ protocol, address, port: hostPort }).filter(
        ({ reply }) => reply.source.address === sandboxAddress,
      ),
    ).length;
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  }
};

/**
 * Do firewalls of others drop what comes here?
 * @param redirected - addresses that the kernel leads into the sandbox
 */
export const filtersHop = async (
  forward: HeldForward,
  { prefix, link, redirected }: { prefix: string; link: Link | undefined; redirected: readonly string[] },
): Promise<Hop> => {
  const rulesets = await readRulesets();
  const { nft, iptables } = rulesets;
  if (nft === undefined && Object.keys(iptables).length === 0)
    return skipped('filters', 'only root may look at the rules of other firewalls');
  for (const address of forward.addresses) {
    if (!isLoopback(address)) continue;
    const path = { forward, address, link: redirected.includes(address) ? link : undefined, prefix };
    const [drop] = findDrops(rulesets, path);
    if (drop !== undefined)
      return broken('filters', `${drop.chain} drops ${drop.what}`, `let it through: ${drop.fix}`);
  }
  if (forward.addresses.every(isLoopback)) return ok('filters', 'no rules of others drop what comes here');
  const obstacles = findObstacles(rulesets, { ports: [forward], prefix });
  const obstacle = obstacles.find(({ blocks }) => blocks === 'input');
  if (obstacle === undefined) return ok('filters', 'no rules of others drop what comes here');
  const { firewall, fix } = obstacle;
  const port = formatPort(forward.hostPort, forward.protocol);
  return broken('filters', `${firewall} lets no other machine reach host port ${port}`, `open it: ${fix}`);
};

/**
 * Does the name of the namespace stand for the network the app is in?
 * @param engine - process id of one who is in there, if any
 */
export const namespaceHop = (name: string, sandbox: string, engine: number | undefined): Hop => {
  const path = namespacePath(name);
  const named = identityOf(path);
  // On what nothing is mounted any more is a plain file, if it is there at all.
  const actual = engine === undefined ? named : identityOf(`/proc/${engine}/ns/net`);
  const again = `start ${sandbox} anew; until then what is in there goes on`;
  if (named === undefined)
    return broken('namespace', `there is no network namespace ${name} any more`, again);
  if (actual !== undefined && actual !== named)
    return broken('namespace', `${name} is not the name of the app's network namespace any more`, again);
  return ok('namespace', `the network namespace ${name} exists`);
};

const identityOf = (path: string): string | undefined => {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev} ${ino}`;
  } catch {
    return undefined;
  }
};

/**
 * Are both ends of the link up and addressed?
 * @param inside - a file that stands for the sandbox's network namespace
 */
export const interfaceHop = (
  { veth, hostAddress, sandboxAddress }: Link,
  { inside, isRedirected }: { inside: string; isRedirected: boolean },
): Hop => {
  let sandboxInterfaces: readonly InterfaceState[];
  try {
    sandboxInterfaces = interfacesIn(inside);
  } catch (error) {
    return skipped('interface', `nobody can look into the namespace (${(error as Error).message})`);
  }
  using here = new RouteSocket();
  const fault =
    faultOf(listInterfaces(here), { name: veth, address: hostAddress, where: '' }) ??
    faultOf(sandboxInterfaces, {
      name: SANDBOX_INTERFACE,
      address: sandboxAddress,
      where: `nsenter --net=${inside} `,
    });
  if (fault !== undefined) return broken('interface', fault.sentence, fault.fix);
  const isRouted = ['all', veth].some((name) => readSetting(`${name}/route_localnet`) === '1');
  if (isRedirected && !isRouted) {
    return broken(
      'interface',
      `connections from 127.0.0.1 do not leave by ${veth}: route_localnet is off`,
      `sysctl net.ipv4.conf.${veth}.route_localnet=1`,
    );
  }
  return ok('interface', `${veth} (${hostAddress}) leads to ${SANDBOX_INTERFACE} (${sandboxAddress})`);
};

const interfacesIn = (path: string): InterfaceState[] => {
  const fd = openSync(path, 'r');
  try {
    return inNamespace(fd, () => {
      using inside = new RouteSocket();
      return listInterfaces(inside);
    });
  } finally {
    closeSync(fd);
  }
};

interface Expected {
  readonly name: string;
  readonly address: string;
  /** What goes before a command so that it happens there. */
  readonly where: string;
}

const faultOf = (
  interfaces: readonly InterfaceState[],
  { name, address, where }: Expected,
): { sentence: string; fix: string } | undefined => {
  const found = interfaces.find((each) => each.name === name);
  const side = where === '' ? '' : ' inside the sandbox';
  if (found === undefined)
    return { sentence: `the interface ${name}${side} is gone`, fix: 'start the sandbox anew' };
  if (!found.isUp)
    return { sentence: `the interface ${name}${side} is down`, fix: `${where}ip link set ${name} up` };
  if (found.addresses.includes(address)) return undefined;
  const fix = `${where}ip address add ${address}/${LINK_PREFIX_LENGTH} dev ${name}`;
  return { sentence: `the interface ${name}${side} has lost its address ${address}`, fix };
};

const readSetting = (name: string): string | undefined => {
  try {
    return readFileSync(`/proc/sys/net/ipv4/conf/${name}`, 'utf8').trim();
  } catch {
    return undefined;
  }
};
