/** Traffic on a forward while a test does something to it, from a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** How many clients there are. */
export const CLIENTS = 3;

/** How long a client waits for a sign of life. */
const PATIENCE_MS = 4000;

/** Requests one after another, each on a connection of its own, until standard input ends. */
const CLIENT = `
  const http = require('node:http');
  const url = process.argv[1];
  // One connection for each client, for as long as the server lets it be.
  const agent = process.argv[2] === 'keep-alive' ? new http.Agent({ keepAlive: true, maxSockets: ${CLIENTS} }) : false;
  const counts = {};
  let worst = 0;
  let stopped = false;
  process.stdin.resume().on('end', () => { stopped = true; });
  const request = () => new Promise((resolve) => {
    const failed = (error) => resolve(error.code || error.message);
    http.get(url, { agent, timeout: ${PATIENCE_MS} }, (response) => {
      response.on('error', failed).on('end', () => resolve(String(response.statusCode))).resume();
    }).on('timeout', function () { this.destroy(new Error('timeout')); }).on('error', failed);
  });
  const client = async () => {
    while (!stopped) {
      const begin = performance.now();
      const outcome = await request();
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      worst = Math.max(worst, performance.now() - begin);
      await new Promise((resolve) => setTimeout(resolve, Number(process.argv[3])));
    }
  };
  Promise.all(Array.from({ length: ${CLIENTS} }, client)).then(() => {
    console.log(JSON.stringify({ counts, worst }));
    if (agent !== false) agent.destroy();
  });
`;

export interface LoadResult {
  /** How often each status, error code or \`timeout\` was the outcome. */
  readonly counts: Readonly<Record<string, number>>;
  /** The slowest request, in ms. */
  readonly worst: number;
}

export interface Load extends AsyncDisposable {
  /** Ends the traffic and says how it went. */
  stop(): Promise<LoadResult>;
}

export interface LoadOptions {
  /** Runs the action where the clients shall be, e.g. in a network namespace. */
  readonly inside?: <T>(action: () => T) => T;
  /** Whether each request has a connection of its own; default: `close`, it has. */
  readonly how?: 'close' | 'keep-alive';
  /** Between two requests of a client, in ms. */
  readonly pauseMs?: number;
}

/** Starts the clients. */
export const startLoad = (
  url: string,
  { inside = (action) => action(), how = 'close', pauseMs = 2 }: LoadOptions = {},
): Load => {
  const child = inside(() =>
    spawn(process.execPath, ['-e', CLIENT, url, how, String(pauseMs)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = once(child, 'close');
  child.stdin.on('error', () => {});
  return {
    async stop() {
      child.stdin.end();
      await ended;
      return JSON.parse(output) as LoadResult;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
};
