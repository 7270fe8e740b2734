/**
 * Runs on a benchmark's host: makes what a supervisor makes, a sandbox with a server inside and a forward to
 * it, with the functions of src/network. Prints the address and port a client of that host connects to, and
 * clears up when its standard input ends. Argument: {@link Order} as JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Firewall } from '../src/network/firewall.ts';
import type { FirewallBackend, Redirection } from '../src/network/firewall.ts';
import { createIptablesBackend } from '../src/network/firewalls/iptables.ts';
import { createNftablesBackend } from '../src/network/firewalls/nftables.ts';
import { holdHostPort } from '../src/network/host-listener.ts';
import { namespaceName, vethName } from '../src/network/names.ts';
import { createNamespace } from '../src/network/namespace.ts';
import type { Link } from '../src/network/namespace.ts';
import { createRedirectTransport } from '../src/network/transports/redirect.ts';
import type { Way } from './bench-host.ts';

interface Order {
  readonly way: Way;
  /** How many forwards stand; the measured one is the last. */
  readonly forwards: number;
  readonly prefix: string;
  /** Name of the sandbox. */
  readonly sandbox: string;
  /** Path of the server program. */
  readonly server: string;
}

const LOOPBACK = '127.0.0.1';
const PROCESS_PORT = 3000;
/** Forwards that nobody uses, below the range ephemeral ports come from. */
const FIRST_OTHER_PORT = 10_000;
const HOST_ADDRESS = '10.231.0.0';
const SANDBOX_ADDRESS = '10.231.0.1';

const { way, forwards, prefix, sandbox, server } = JSON.parse(process.argv[2]!) as Order;

/** Starts the server; whatever it inherits becomes descriptor 3. */
const startServer = async (args: readonly string[], inherited: readonly number[]): Promise<Disposable> => {
  const child = spawn(server, args, { stdio: ['ignore', 'pipe', 'inherit', ...inherited] });
  await once(child.stdout!, 'data');
  // Its workers end with it.
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
};

const backendFor = (): FirewallBackend | undefined => {
  if (way === 'iptables') return createIptablesBackend();
  return way === 'nftables' || way === 'handoff' ? createNftablesBackend() : undefined;
};

/** Where the client shall connect. */
const open = async (made: AsyncDisposableStack): Promise<readonly [address: string, port: number]> => {
  if (way.startsWith('loopback')) {
    if (way === 'loopback beside firewall') {
      const backend = createNftablesBackend();
      made.defer(() => backend.remove(prefix));
      await backend.raise(prefix);
    }
    made.use(await startServer([LOOPBACK, String(PROCESS_PORT)], []));
    return [LOOPBACK, PROCESS_PORT];
  }
  const namespace = made.use(createNamespace(namespaceName(prefix, sandbox)));
  const link: Link = {
    veth: vethName(prefix, 0),
    hostAddress: HOST_ADDRESS,
    sandboxAddress: SANDBOX_ADDRESS,
  };
  namespace.connect(link);
  const backend = backendFor();
  const firewall = backend && new Firewall(backend, prefix);
  if (firewall !== undefined) {
    made.defer(() => backend!.remove(prefix));
    made.use(await firewall.admit(link));
  }
  const held = made.use(holdHostPort({ addresses: [LOOPBACK], port: 0 }));
  const { hostPort } = held;
  if (way.startsWith('handoff')) {
    const fds = held.listeners.map(({ fd }) => fd);
    made.use(await namespace.run(() => startServer(['3'], fds)));
    return [LOOPBACK, hostPort];
  }
  made.use(await namespace.run(() => startServer(['0.0.0.0', String(PROCESS_PORT)], [])));
  if (firewall === undefined || backend === undefined) return [SANDBOX_ADDRESS, PROCESS_PORT];
  const others = Array.from({ length: forwards - 1 }, (_, index): Redirection => ({
    protocol: 'tcp',
    address: LOOPBACK,
    hostPort: FIRST_OTHER_PORT + index,
    sandboxAddress: SANDBOX_ADDRESS,
    processPort: PROCESS_PORT,
  }));
  made.use(await firewall.redirect(others));
  const forward = { addresses: [LOOPBACK], hostPort, processPort: PROCESS_PORT, protocol: 'tcp' as const };
  made.use(await createRedirectTransport(backend).open(forward, { name: 'bench', link, firewall }));
  return [LOOPBACK, hostPort];
};

await using made = new AsyncDisposableStack();
console.log((await open(made)).join(' '));
await once(process.stdin.resume(), 'end');
