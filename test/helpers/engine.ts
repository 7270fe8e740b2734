/** Runs the real engine on the host's own loopback, without a namespace: for tests of what guests can call. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type {
  ExitedMessage,
  FailedMessage,
  FromEngine,
  GoMessage,
  LaunchMessage,
} from '../../src/engine/messages.ts';

const ENGINE = fileURLToPath(new URL('../../src/engine/main.ts', import.meta.url));
const GUESTS = new URL('../guests/', import.meta.url);

/** Absolute path of a guest program of test/guests. */
export const guestPath = (name: string): string => fileURLToPath(new URL(`${name}.wasm`, GUESTS));

export interface EngineRun extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly control: Socket;
  /** Messages so far. */
  readonly messages: readonly FromEngine[];
  stdout(): string;
  stderr(): string;
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

export interface EngineOptions extends Partial<Omit<LaunchMessage, 'type'>> {
  /** A name of test/guests or an absolute path. */
  readonly guest: string;
  readonly go?: Partial<GoMessage>;
  readonly stdin?: string;
  /** Environment of the engine process itself, e.g. NODE_DEBUG. */
  readonly processEnv?: Readonly<Record<string, string>>;
  /** Keep stdin open. */
  readonly keepStdin?: boolean;
}

export const startEngine = (options: EngineOptions): EngineRun => {
  const { guest, go, stdin, keepStdin, processEnv = {}, ...launch } = options;
  const child = spawn(process.execPath, ['--wasm-lazy-validation', ENGINE], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env: { ...processEnv },
  });
  const control = child.stdio[3] as Socket;
  const messages: FromEngine[] = [];
  const output = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const watcher of watchers) watcher();
  };
  let closed = false;
  let partial = '';
  control.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (partial + chunk).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) messages.push(JSON.parse(line) as FromEngine);
    changed();
  });
  control.on('error', () => {});
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      output[stream] += chunk;
      changed();
    });
  }
  const ended: EngineRun['ended'] = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      closed = true;
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
        if (value === undefined)
          reject(new Error(`the engine ended without ${what}: ${JSON.stringify({ messages, output })}`));
        else resolve(value);
      };
      watchers.add(check);
      check();
    });

  const send = (message: object): void => void control.write(`${JSON.stringify(message)}\n`);
  const module = guest.startsWith('/') ? guest : guestPath(guest);
  send({
    type: 'launch',
    module,
    args: ['guest'],
    env: {},
    directories: [],
    tmpfs: [],
    handed: [],
    ports: [],
    ...launch,
  });
  send({ type: 'go', outbound: true, ...go });
  if (stdin !== undefined) child.stdin.write(stdin);
  if (keepStdin !== true) child.stdin.end();

  return {
    process: child,
    control,
    messages,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    message: (type) => until(() => messages.find((each) => each.type === type) as never, `a ${type} message`),
    printed: async (text) => {
      await until(
        () => (output.stdout.includes(text) ? true : undefined),
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

/** A port that was free a moment ago, for guests that bind one themselves on the host's loopback. */
export const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};
