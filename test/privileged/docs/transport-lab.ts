/**
 * A machine of its own for looking at a transport from outside: a network namespace in which the real command
 * runs, and a neighbour on its LAN. What is done to its rules concerns nobody else.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createNamespace, type Namespace } from '../../../src/network/namespace.ts';
import { type CliEnd, type CliRun, childrenOf, newPrefix, runCli, startCli } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { expectNothingLeft, linesOf, runInside } from '../network/test-network.ts';

const GUEST = guestPath('addresses-wasmedge');
const PROCESS_PORT = 3000;
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
  /** Its own address. */
  readonly address: string;
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
  /** Who types the command, by default root. */
  readonly uid?: number;
}

export interface Lab extends AsyncDisposable {
  /** The machine's address on its LAN. */
  readonly lanAddress: string;
  /** Addresses of the first sandbox, before it is started. */
  readonly firstLink: { readonly hostAddress: string; readonly sandboxAddress: string };
  /** Resolves when the forward is open; rejects with the command's words when it ends before. */
  start(options: StartOptions): Promise<LabSandbox>;
  connect(host: string, port: number, from?: 'machine' | 'neighbour'): Promise<Conversation>;
  /** Runs `wasmrun gc`. */
  collectGarbage(): Promise<CliEnd>;
  /** Runs a command of root's on the machine. */
  command(file: string, ...args: string[]): string;
}

export const openLab = (): Lab => {
  const prefix = newPrefix();
  const stack = new AsyncDisposableStack();
  stack.use(expectNothingLeft(prefix));
  const host = stack.use(createNamespace(`${prefix}-host`));
  const neighbour = stack.use(createNamespace(`${prefix}-lan`));
  host.run(() => neighbour.connect({ veth: `${prefix}-lan`, ...LAN }));
  return {
    lanAddress: LAN.hostAddress,
    firstLink: FIRST_LINK,
    start: (options) => startSandbox(host, prefix, options),
    connect: (address, port, from = 'machine') =>
      startConversation(from === 'machine' ? host : neighbour, address, port),
    collectGarbage: () => host.run(() => runCli(['gc'], { prefix })),
    command: (file, ...args) => runInside(host, file, ...args),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

const startSandbox = async (
  host: Namespace,
  prefix: string,
  { options, listenOn, uid }: StartOptions,
): Promise<LabSandbox> => {
  const args = ['os', GUEST, '--forward', String(PROCESS_PORT), ...options, '--', String(PROCESS_PORT)];
  if (listenOn !== undefined) args.push(listenOn);
  const run = host.run(() => startCli(args, { prefix, ...(uid !== undefined && { uid }) }));
  try {
    const [, address = ''] = await run.printed(/^\S+ {2}(\S+) {2}\(namespace/m);
    const url = new URL(await run.url());
    const [engine = 0] = childrenOf(run.process.pid!);
    return {
      run,
      port: Number(url.port),
      address,
      engine,
      holdersOf: (port) => [run.process.pid!, engine].flatMap((pid) => holdersOfPort(pid, port)),
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
