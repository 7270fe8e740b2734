/** Namespaces, programs inside them and what they see, for the privileged tests. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { expect } from 'vitest';
import { chooseLink, hostNetworks } from '../../../src/network/address-pool.ts';
import { namespaceName, vethName } from '../../../src/network/names.ts';
import { createNamespace, type Link, type Namespace } from '../../../src/network/namespace.ts';
import { inNamespace } from '../../../src/os/network-namespace.ts';

/** Longer than any answer takes, shorter than the kernel's own patience: its end means "no answer". */
const NO_ANSWER_MS = 1500;

/** A prefix that no other run uses at the same time. */
export const randomPrefix = (): string => `t${randomBytes(3).toString('hex')}`;

/** Output of a command, line by line. */
export const linesOf = (file: string, ...args: string[]): string[] =>
  execFileSync(file, args, { encoding: 'utf8', stdio: 'pipe' }).split('\n').filter(Boolean);

/** Names of the host's interfaces. */
export const interfaces = (): string[] => readdirSync('/sys/class/net');

/** Everything in the kernel that is named after a prefix. */
export const leftovers = (prefix: string): string[] =>
  [
    ...interfaces(),
    ...linesOf('ip', 'netns', 'list'),
    ...linesOf('nft', 'list', 'tables'),
    ...linesOf('iptables-nft-save'),
    ...linesOf('iptables-legacy-save'),
    ...linesOf('ip', 'route', 'show', 'table', 'all'),
  ].filter((line) => line.includes(prefix));

/** What the kernel remembers of IPv4 datagrams to a port, a line each. */
export const flowsTo = (port: number): string[] =>
  readFileSync('/proc/net/nf_conntrack', 'latin1')
    .split('\n')
    .filter((line) => line.startsWith('ipv4 ') && line.includes(' udp '))
    .filter((line) => / dport=(\d+) /.exec(line)?.[1] === String(port));

/** Asserts at the end of its scope, after everything made later is disposed, that nothing is left. */
export const expectNothingLeft = (prefix: string): Disposable => ({
  [Symbol.dispose]: () => expect(leftovers(prefix)).toEqual([]),
});

export interface TestSandbox extends AsyncDisposable {
  readonly namespace: Namespace;
  readonly link: Link;
}

/** Pools of 64 pairs, so that runs at the same time hardly ever look at the same one. */
const randomPool = (): string => `10.${randomInt(192, 230)}.${randomInt(256)}.128/25`;

/** A connected namespace of its own, with addresses this host does not use. */
export const createSandbox = (prefix: string, slot: number): TestSandbox => {
  const { hostAddress, sandboxAddress } = chooseLink({
    pools: [randomPool()],
    taken: new Set(),
    routes: hostNetworks(),
  });
  const stack = new AsyncDisposableStack();
  const namespace = stack.use(createNamespace(namespaceName(prefix, `s${slot}`)));
  const link = { veth: vethName(prefix, slot), hostAddress, sandboxAddress };
  namespace.connect(link);
  return { namespace, link, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};

/** A namespace that `ip netns` lists, whoever made it. */
export const enterNamespace = (name: string): Pick<Namespace, 'run'> => ({
  run: (action) => {
    const fd = openSync(`/run/netns/${name}`, 'r');
    try {
      return inNamespace(fd, action);
    } finally {
      closeSync(fd);
    }
  },
});

/** Runs a command to its end inside a namespace, with all of root's power there. */
export const runInside = (namespace: Pick<Namespace, 'run'>, file: string, ...args: string[]): string =>
  namespace.run(() => execFileSync(file, args, { encoding: 'utf8', stdio: 'pipe' }));

/** Greets each connection with its own end's address, then echoes. Argument: where to listen. */
const ECHO_SERVER = `
  const listens = JSON.parse(process.argv[1]);
  let waiting = listens.length;
  for (const where of listens) require('node:net')
    .createServer((socket) => {
      socket.on('error', () => {});
      socket.write(socket.localAddress + ' ' + socket.localPort + '\\n');
      socket.pipe(socket);
    })
    .listen(where, () => { if (--waiting === 0) console.log('ready'); });
`;

export type Listen = { readonly host: string; readonly port: number } | { readonly fd: number };

/** A server in a process of its own inside a namespace; descriptors of ours are passed on to it. */
export const startEchoServer = async (
  namespace: Namespace,
  { host, port, inherited = [] }: { host: string; port: number; inherited?: readonly number[] },
): Promise<AsyncDisposable> => {
  const listens: Listen[] = [{ host, port }, ...inherited.map((_, index) => ({ fd: 3 + index }))];
  const child = namespace.run(() =>
    spawn(process.execPath, ['-e', ECHO_SERVER, JSON.stringify(listens)], {
      stdio: ['ignore', 'pipe', 'inherit', ...inherited],
    }),
  );
  await firstOutput(child);
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
};

/** What a child prints first; fails when it ends before. */
const firstOutput = async (child: ChildProcess): Promise<string> => {
  if (!child.stdout) throw new Error('the output of the child must be piped');
  const ended = once(child, 'exit').then(([status]) => {
    throw new Error(`ended with ${String(status)} before it said anything`);
  });
  const [output] = await Promise.race([once(child.stdout, 'data'), ended]);
  return String(output);
};

export interface Outcome {
  /** `connected`, over UDP `answered`, `no answer`, or the error code of the socket. */
  readonly outcome: string;
  /** Until the outcome was known. */
  readonly ms: number;
}

/** Connects from inside; a UDP socket sends, and waits for the answer or error that comes back. */
const PROBE = `
  const { protocol, ...target } = JSON.parse(process.argv[1]);
  const begin = performance.now();
  const end = (outcome) => {
    console.log(JSON.stringify({ outcome, ms: performance.now() - begin }));
    process.exit();
  };
  setTimeout(end, ${NO_ANSWER_MS}, 'no answer');
  if (protocol === 'tcp') {
    const socket = require('node:net').connect(target);
    socket.on('connect', () => end('connected')).on('error', (error) => end(error.code));
  } else {
    const socket = require('node:dgram').createSocket('udp4');
    socket.on('error', (error) => end(error.code)).on('message', () => end('answered'));
    socket.connect(target.port, target.host, () => {
      socket.send('x');
      setInterval(() => socket.send('x', (error) => error && end(error.code)), 50);
    });
  }
`;

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly protocol?: 'tcp' | 'udp';
  readonly localAddress?: string;
}

/** What happens to a program inside that connects to `target`. */
export const probeFromInside = async (
  namespace: Pick<Namespace, 'run'>,
  target: ProbeTarget,
): Promise<Outcome> => {
  const argument = JSON.stringify({ protocol: 'tcp', ...target });
  const child = namespace.run(() =>
    spawn(process.execPath, ['-e', PROBE, argument], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  return JSON.parse(await firstOutput(child));
};

/** A service of the host on `host`, any port. */
export const startHostService = async (
  host: string,
): Promise<AsyncDisposable & { readonly port: number }> => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).end('a secret of the host\n');
  }).listen({ host, port: 0 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
};

/** A connection of the host to an echo server, with the address the server has at its end. */
export interface Conversation extends Disposable {
  readonly servedAt: string;
  /** Sends a word and returns what comes back. */
  echo(word: string): Promise<string>;
}

/** Connects from the host. Rejects with the socket's error, or after 1.5 s without a greeting. */
export const converse = async (host: string, port: number): Promise<Conversation> => {
  const socket: Socket = connect({ host, port });
  const receive = async (): Promise<string> => {
    const [bytes] = await once(socket, 'data', { signal: AbortSignal.timeout(NO_ANSWER_MS) });
    return String(bytes).trim();
  };
  try {
    const servedAt = await receive();
    return {
      servedAt: servedAt.replace(' ', ':'),
      async echo(word) {
        socket.write(word);
        return receive();
      },
      [Symbol.dispose]: () => void socket.destroy(),
    };
  } catch (error) {
    socket.destroy();
    throw error;
  }
};
