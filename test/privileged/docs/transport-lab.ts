/**
 * A machine of its own for looking at a transport from outside: a network namespace in which the real command
 * runs, and a neighbour on its LAN. What is done to its rules concerns nobody else.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { createNamespace, type Namespace } from '../../../src/network/namespace.ts';
import { type CliEnd, type CliRun, childrenOf, newPrefix, runCli, startCli } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { OrdinaryUser } from '../../helpers/ordinary-user.ts';
import { expectNothingLeft, linesOf, runInside } from '../network/test-network.ts';

/** Programs that tell who they are talking to, and their arguments: which port, and where to listen. */
const GUESTS = {
  tcp: { name: 'addresses-wasmedge', args: ['3000'], forward: '3000' },
  udp: { name: 'udp-wasmedge', args: ['server', '3000'], forward: '3000/udp' },
} as const;
/** Of the documentation range, RFC 5737. */
const LAN = { hostAddress: '192.0.2.0', sandboxAddress: '192.0.2.1' };
/** The first pair of the first pool, which nobody else uses on a machine of one's own. */
const FIRST_LINK = { hostAddress: '10.231.0.0', sandboxAddress: '10.231.0.1' };
/** Longer than any answer takes. */
const PATIENCE_MS = 5000;

/** Connects, and asks for an answer now and for each line of standard input. */
const CLIENT = `
  const [host, port] = process.argv.slice(1);
  const tell = (word) => console.log(JSON.stringify(word));
  const socket = require('node:net').connect({ host, port: Number(port) });
  let timer;
  const ask = () => {
    timer = setTimeout(() => tell({ failure: 'no answer' }), ${PATIENCE_MS});
    socket.write('GET / HTTP/1.1\\r\\n\\r\\n');
  };
  ask();
  socket.on('data', (bytes) => {
    clearTimeout(timer);
    tell({ answer: String(bytes).split('\\r\\n\\r\\n')[1].trim(), port: socket.localPort });
  });
  socket.on('error', (error) => { clearTimeout(timer); tell({ failure: error.code }); });
  process.stdin.on('data', ask).on('end', () => process.exit());
`;

/** Asks the guest for datagrams whom it sees, again and again, as datagrams may get lost. */
const DATAGRAM_CLIENT = `
  const [host, port] = process.argv.slice(1);
  const end = (word) => { console.log(JSON.stringify(word)); process.exit(); };
  const socket = require('node:dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4');
  setTimeout(end, ${PATIENCE_MS}, {});
  socket.on('message', (bytes) => end({ answer: String(bytes) })).on('error', () => end({}));
  socket.connect(Number(port), host, () => {
    const ask = () => socket.send('who?', () => {});
    ask();
    setInterval(ask, 200);
  });
`;

/** One end of a connection. */
export interface End {
  readonly address: string;
  readonly port: number;
}

/** A connection as the app sees it. */
export interface Arrival {
  readonly local: End;
  readonly peer: End;
}

/** A connection of a client that goes on until disposed. */
export interface Conversation extends AsyncDisposable {
  /** What the app said at first; undefined where nobody answered. */
  readonly arrival: Arrival | undefined;
  /** The client's own port, and its process. */
  readonly port: number;
  readonly pid: number;
  /** Asks again; is there an answer? */
  isAnswered(): Promise<boolean>;
}

/** A sandbox that was started by the command on the lab's machine. */
export interface LabSandbox extends AsyncDisposable {
  readonly run: CliRun;
  /** The host port of its forward. */
  readonly port: number;
  /** Its own address, where it has one. */
  readonly address: string | undefined;
  /** Process id of its engine. */
  readonly engine: number;
  /** Process ids of all that hold a TCP connection from or to a port, on the machine or inside. */
  holdersOf(port: number): number[];
}

export interface StartOptions {
  /** Options of `wasmrun os`. */
  readonly options: readonly string[];
  /** The address the app listens on, by default all it has. */
  readonly listenOn?: string;
  /** Who types the command; by default root. */
  readonly caller?: 'root' | 'user';
  /** What the app speaks; by default TCP. */
  readonly protocol?: 'tcp' | 'udp';
}

export interface Lab extends AsyncDisposable {
  /** The machine's address on its LAN. */
  readonly lanAddress: string;
  /** Addresses of the first sandbox, before it is started. */
  readonly firstLink: { readonly hostAddress: string; readonly sandboxAddress: string };
  /** Resolves when the forward is open; rejects with the command's words when it ends before. */
  start(options: StartOptions): Promise<LabSandbox>;
  connect(host: string, port: number, from?: 'machine' | 'neighbour'): Promise<Conversation>;
  /** The address at which an app for datagrams sees a client of the machine; undefined if it gets no answer. */
  askForDatagrams(host: string, port: number): Promise<string | undefined>;
  /** Runs `wasmrun gc`. */
  collectGarbage(caller: 'root' | 'user'): Promise<CliEnd>;
  /** Runs a command of root's on the machine. */
  command(file: string, ...args: string[]): string;
}

export const openLab = (): Lab => {
  const prefix = newPrefix();
  const stack = new AsyncDisposableStack();
  stack.use(expectNothingLeft(prefix));
  const user = stack.use(new OrdinaryUser());
  stack.defer(() => expect(user.remains(prefix)).toEqual([]));
  const host = stack.use(createNamespace(`${prefix}-host`));
  const neighbour = stack.use(createNamespace(`${prefix}-lan`));
  host.run(() => neighbour.connect({ veth: `${prefix}-lan`, ...LAN }));
  return {
    lanAddress: LAN.hostAddress,
    firstLink: FIRST_LINK,
    start: (options) => startSandbox({ host, prefix, user }, options),
    connect: (address, port, from = 'machine') =>
      startConversation(from === 'machine' ? host : neighbour, address, port),
    askForDatagrams: (address, port) => askForDatagrams(host, address, port),
    collectGarbage: (caller) =>
      host.run(() => (caller === 'user' ? user.run(['gc'], { prefix }) : runCli(['gc'], { prefix }))),
    command: (file, ...args) => runInside(host, file, ...args),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

interface Surroundings {
  readonly host: Namespace;
  readonly prefix: string;
  readonly user: OrdinaryUser;
}

const startSandbox = async (
  { host, prefix, user }: Surroundings,
  { options, listenOn, caller = 'root', protocol = 'tcp' }: StartOptions,
): Promise<LabSandbox> => {
  const { name, args, forward } = GUESTS[protocol];
  const isRoot = caller === 'root';
  const guest = isRoot ? guestPath(name) : user.guest(name);
  const command = ['os', guest, '--forward', forward, ...options, '--', ...args];
  if (listenOn !== undefined) command.push(listenOn);
  const run = host.run(() => (isRoot ? startCli(command, { prefix }) : user.start(command, { prefix })));
  try {
    const [, address] = await run.printed(/^\S+ {2}(?:(\d\S+) {2})?\((?:namespace|isolation) /m);
    const [, port] = await run.printed(/^\S+:(\d+)(?:\/udp)? → /m);
    const engine = engineOf(run.process);
    return {
      run,
      port: Number(port),
      address,
      engine,
      holdersOf: (hostPort) => [run.process.pid!, engine].flatMap((pid) => holdersOfPort(pid, hostPort)),
      async [Symbol.asyncDispose]() {
        run.process.kill('SIGTERM');
        await run.ended;
      },
    };
  } catch (error) {
    await run[Symbol.asyncDispose]();
    throw error;
  }
};

/** Among what a supervisor has started. */
const engineOf = ({ pid }: ChildProcess): number => {
  const engine = childrenOf(pid!).find((child) =>
    /engine.main/.test(readFileSync(`/proc/${child}/cmdline`, 'latin1')),
  );
  if (engine === undefined) throw new Error('there is no engine');
  return engine;
};

/** Processes that hold a TCP socket from or to a port, by ss(8), in the namespace of a process. */
const holdersOfPort = (pid: number, port: number): number[] => {
  const filter = `( sport = :${port} or dport = :${port} )`;
  const list = linesOf('nsenter', `--net=/proc/${pid}/ns/net`, 'ss', '-tnpH', 'state', 'established', filter);
  return list.flatMap((line) => [...line.matchAll(/pid=(\d+)/g)].map(([, holder]) => Number(holder)));
};

const startConversation = async (from: Namespace, host: string, port: number): Promise<Conversation> => {
  const child = from.run(() =>
    spawn(process.execPath, ['-e', CLIENT, host, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  const ended = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<{ answer?: string; port?: number }> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the client ended');
    return JSON.parse(value) as { answer?: string; port?: number };
  };
  const first = await next();
  return {
    arrival: first.answer === undefined ? undefined : readArrival(first.answer),
    port: first.port ?? 0,
    pid: child.pid!,
    async isAnswered() {
      child.stdin.write('\n');
      return (await next()).answer !== undefined;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
};

const readArrival = (answer: string): Arrival => {
  const [local = '', localPort, peer = '', peerPort] = answer.split(' ');
  return {
    local: { address: local, port: Number(localPort) },
    peer: { address: peer, port: Number(peerPort) },
  };
};

const askForDatagrams = async (from: Namespace, host: string, port: number): Promise<string | undefined> => {
  const child = from.run(() =>
    spawn(process.execPath, ['-e', DATAGRAM_CLIENT, host, String(port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const [bytes] = (await once(child.stdout, 'data')) as [Buffer];
  const { answer } = JSON.parse(bytes.toString()) as { answer?: string };
  return answer?.split(' ')[0];
};
