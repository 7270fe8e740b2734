/** Runs the real engine on the host's own loopback, without a namespace: for tests of what guests can call. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { FIRST_INHERITED_FD } from '../../src/engine/messages.ts';
import type {
  ConnectMessage,
  ExitedMessage,
  FailedMessage,
  FromEngine,
  GoMessage,
  LaunchMessage,
  ResolveMessage,
  ToEngine,
} from '../../src/engine/messages.ts';
import { EgressPolicy } from '../../src/network/egress.ts';
import { Peers } from '../../src/network/peers.ts';
import { packetSocketPair } from '../../src/os/descriptor-passing.ts';
import { engineFlags } from '../../src/sandbox/engine-binary.ts';
import type { RefusedEvent } from '../../src/sandbox/events.ts';
import { OutboundBroker } from '../../src/sandbox/outbound.ts';
import { SocketChannel } from '../../src/sandbox/socket-channel.ts';
import { State } from '../../src/sandbox/state.ts';

const ENGINE = fileURLToPath(new URL('../../src/engine/main.ts', import.meta.url));
const GUESTS = new URL('../guests/', import.meta.url);

/** Absolute path of a guest program of test/guests. */
export const guestPath = (name: string): string => fileURLToPath(new URL(`${name}.wasm`, GUESTS));

export interface EngineRun extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly control: Socket;
  /** Our end of the channel that sockets are handed over on. */
  readonly channel: SocketChannel;
  /** Our ends of the streams. */
  readonly streams: readonly Socket[];
  /** Messages so far, but for requests of connections and names, which are answered. */
  readonly messages: readonly FromEngine[];
  /** What the guest was refused outside. */
  readonly refused: readonly RefusedEvent[];
  /** Tells the engine something. */
  send(...messages: ToEngine[]): void;
  stdout(): string;
  stderr(): string;
  /** stdout as bytes. */
  output(): Buffer;
  /** Resolves with the first message of a type; rejects when the engine ends without it. */
  message<Type extends FromEngine['type']>(type: Type): Promise<Extract<FromEngine, { type: Type }>>;
  /** Resolves when stdout contains `text`. */
  printed(text: string): Promise<void>;
  /** Resolves when the process is gone. */
  readonly ended: Promise<{
    status: number | null;
    signal: NodeJS.Signals | null;
    end: ExitedMessage | FailedMessage | undefined;
  }>;
}

export type Request = ConnectMessage | ResolveMessage;

export interface EngineOptions extends Partial<Omit<LaunchMessage, 'type'>> {
  /** A name of test/guests or an absolute path. */
  readonly guest: string;
  readonly go?: Partial<GoMessage>;
  readonly stdin?: string;
  /** Environment of the engine process itself, e.g. NODE_DEBUG. */
  readonly processEnv?: Readonly<Record<string, string>>;
  /** Keep stdin open. */
  readonly keepStdin?: boolean;
  /** Answers the engine's requests, in place of the real broker. */
  readonly onRequest?: (message: Request) => void;
  /** Messages that reach the engine in one piece with the `go`. */
  readonly together?: readonly ToEngine[];
  /** Descriptors of ours for the engine, where they are numbered from 5 on. */
  readonly descriptors?: readonly number[];
  /** How many further streams to the engine are opened, numbered after those. */
  readonly channelCount?: number;
}

export const startEngine = (options: EngineOptions): EngineRun => {
  const { guest, go, stdin, keepStdin, processEnv = {}, together = [], onRequest, ...rest } = options;
  const { descriptors = [], channelCount = 0, ...launch } = rest;
  const channels = Array.from({ length: channelCount }, () => 'pipe' as const);
  const [supervisorChannel, engineChannel] = packetSocketPair();
  const channel = new SocketChannel(supervisorChannel);
  const refused: RefusedEvent[] = [];
  // The real one; the namespace the guest is in is the host's own, and none of its own with virtual ports.
  const broker = new OutboundBroker({
    channel,
    policy: new EgressPolicy({ mode: 'none', rules: [], hostAddresses: () => [] }),
    namespace: launch.virtualPorts === true ? undefined : statSync('/proc/self/ns/net', { bigint: true }),
    sandboxAddress: undefined,
    peers: new Peers([]),
    ownId: '0123456789ab',
    state: new State('none'),
    onRefused: (refusal) => refused.push(refusal),
  });
  const answer = onRequest ?? ((request: Request): unknown => broker.answer(request));
  const child = spawn(process.execPath, [...engineFlags(), ENGINE], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', engineChannel, ...descriptors, ...channels],
    env: { ...processEnv },
  });
  closeSync(engineChannel);
  const control = child.stdio[3] as Socket;
  const messages: FromEngine[] = [];
  const output: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const textOf = (stream: 'stdout' | 'stderr'): string => Buffer.concat(output[stream]).toString();
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const watcher of watchers) watcher();
  };
  let closed = false;
  let partial = '';
  control.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (partial + chunk).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) {
      const message = JSON.parse(line) as FromEngine;
      if (message.type === 'connect' || message.type === 'resolve') answer(message);
      else messages.push(message);
    }
    changed();
  });
  const streams = child.stdio.slice(FIRST_INHERITED_FD + descriptors.length) as Socket[];
  for (const stream of [control, ...streams]) stream.on('error', () => {});
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]!.on('data', (chunk: Buffer) => {
      output[stream].push(chunk);
      changed();
    });
  }
  const ended: EngineRun['ended'] = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      closed = true;
      channel[Symbol.dispose]();
      changed();
      const end = messages.find((message) => message.type === 'exited' || message.type === 'failed');
      resolve({ status, signal, end });
    });
  });
  const until = <Value>(look: () => Value | undefined, what: string): Promise<Value> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const value = look();
        if (value === undefined && !closed) return;
        watchers.delete(check);
        if (value === undefined) {
          const seen = { messages, stdout: textOf('stdout'), stderr: textOf('stderr') };
          reject(new Error(`the engine ended without ${what}: ${JSON.stringify(seen)}`));
        } else resolve(value);
      };
      watchers.add(check);
      check();
    });

  const send = (...sent: ToEngine[]): void =>
    void control.write(sent.map((message) => `${JSON.stringify(message)}\n`).join(''));
  const module = guest.startsWith('/') ? guest : guestPath(guest);
  send({
    type: 'launch',
    module,
    args: ['guest'],
    env: {},
    directories: [],
    tmpfs: [],
    handed: [],
    inherited: [],
    keepListeners: false,
    channels: [],
    ports: [],
    ...launch,
  });
  send({ type: 'go', ...go }, ...together);
  if (stdin !== undefined) child.stdin!.write(stdin);
  if (keepStdin !== true) child.stdin!.end();

  return {
    process: child,
    control,
    channel,
    streams,
    send,
    messages,
    refused,
    stdout: () => textOf('stdout'),
    stderr: () => textOf('stderr'),
    output: () => Buffer.concat(output.stdout),
    message: (type) => until(() => messages.find((each) => each.type === type) as never, `a ${type} message`),
    printed: async (text) => {
      await until(
        () => (textOf('stdout').includes(text) ? true : undefined),
        `printing ${JSON.stringify(text)}`,
      );
    },
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
};
