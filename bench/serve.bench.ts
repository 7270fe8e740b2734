/**
 * CPU time per request of an HTTP server as a guest, against the same C source compiled natively and
 * against Node's `http`. All three serve on the host's loopback and are loaded in turns, so that a
 * noisy machine disturbs all alike; what counts is the CPU time the server itself used.
 *
 *   npm run bench -- serve [--rounds 5] [--seconds 2] [--guest hello-wasmedge]
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { engineCommand } from '../src/sandbox/engine-binary.ts';
import { pinnedNode } from '../src/os/pinned-node.ts';
import { freePort } from '../test/helpers/free-port.ts';
import { openHttpLoad } from './http-load.ts';
import { median, printTable, ratio } from './table.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const CONNECTIONS = [1, 32, 1000];
/** Time to compile hot code before anything counts, in seconds. */
const WARM_UP_SECONDS = 2;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    guest: { type: 'string', default: 'hello-wasmedge' },
  },
});

interface Subject extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

const subject = (name: string, port: number, child: ChildProcess): Subject => ({
  name,
  port,
  pid: child.pid!,
  async [Symbol.asyncDispose]() {
    child.kill('SIGKILL');
    await once(child, 'exit');
  },
});

const startGuest = async (guest: string): Promise<Subject> => {
  const port = await freePort();
  const { file, args } = engineCommand();
  // The second channel is for connections to the outside, of which there are none.
  const child = spawn(file, args, {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'ignore'],
    env: {},
  });
  const control = child.stdio[3] as Writable;
  const launch = {
    module: join(ROOT, 'test/guests', `${guest}.wasm`),
    args: ['hello', String(port), '127.0.0.1'],
    ports: [port],
    env: {},
    directories: [],
    tmpfs: [],
    handed: [],
    inherited: [],
    channels: [],
    keepListeners: false,
  };
  control.write(`${JSON.stringify({ type: 'launch', ...launch })}\n${JSON.stringify({ type: 'go' })}\n`);
  return subject('wasmrun', port, child);
};

const startNative = async (directory: string): Promise<Subject> => {
  const program = join(directory, 'hello');
  const source = join(ROOT, 'examples/hello-wasm/hello.c');
  execFileSync('cc', ['-O2', '-w', `-I${join(ROOT, 'test/guests/include')}`, '-o', program, source]);
  const port = await freePort();
  return subject(
    'native C',
    port,
    spawn(program, [String(port), '127.0.0.1'], { stdio: ['ignore', 'ignore', 'inherit'] }),
  );
};

const NODE_SERVER = `
  const body = 'Hello from inside the sandbox\\n';
  require('node:http')
    .createServer((request, response) => response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length }).end(body))
    .listen(Number(process.argv[1]), '127.0.0.1', 4096);`;

const startNode = async (): Promise<Subject> => {
  const port = await freePort();
  return subject(
    'Node http',
    port,
    spawn(pinnedNode(), ['-e', NODE_SERVER, String(port)], { stdio: ['ignore', 'ignore', 'inherit'] }),
  );
};

const untilServing = async ({ port, name }: Subject): Promise<void> => {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer?.ok) return void (await answer.text());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${name} does not serve`);
};

/** CPU time of all threads so far, in nanoseconds (proc(5): the first field of schedstat). */
const cpuTime = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`)
    .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]))
    .reduce((sum, time) => sum + time, 0);

const directory = mkdtempSync(join(tmpdir(), 'wasmrun-bench-'));
try {
  await using stack = new AsyncDisposableStack();
  using load = openHttpLoad();
  const subjects: Subject[] = [];
  for (const start of [() => startGuest(values.guest), () => startNative(directory), startNode])
    subjects.push(stack.use(await start()));
  for (const each of subjects) await untilServing(each);
  for (const each of subjects) load.run(each.port, 32, WARM_UP_SECONDS);

  const rows: string[][] = [];
  for (const connections of CONNECTIONS) {
    const costs = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const { name, port, pid } of subjects) {
        const before = cpuTime(pid);
        const requests = load.run(port, connections, Number(values.seconds));
        costs.get(name)!.push((cpuTime(pid) - before) / requests);
      }
    }
    const cost = (name: string): number => median(costs.get(name)!);
    rows.push([
      String(connections),
      ratio(cost('wasmrun') / cost('native C')),
      ratio(cost('wasmrun') / cost('Node http')),
      ratio(cost('native C') / cost('Node http')),
    ]);
  }
  console.log(
    `CPU time per request of ${values.guest}, ${values.rounds} rounds of ${values.seconds} s in turns, medians\n`,
  );
  printTable(['connections', 'wasmrun : native C', 'wasmrun : Node http', 'native C : Node http'], rows);
} finally {
  rmSync(directory, { recursive: true });
}
