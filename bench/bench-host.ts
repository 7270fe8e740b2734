/**
 * A host of its own for each contestant of a network benchmark: a network namespace in which the transport
 * under test, podman or docker makes its rules as on a machine where nothing else stands. Contestants do not
 * pay for each other's rules nor for this machine's, and whatever they leave there goes with the namespace.
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createNamespace } from '../src/network/namespace.ts';
import type { Namespace } from '../src/network/namespace.ts';

/** What a name can have: the longest derived one is an interface's. */
export const newPrefix = (): string => `b${randomBytes(3).toString('hex')}`;

/** A directory that is removed at the end with all that is in it. */
export const temporaryDirectory = (): Disposable & { readonly path: string } => {
  const path = mkdtempSync(join(tmpdir(), 'wasmrun-bench-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
};

export interface BenchTools extends Disposable {
  /** `native/server.c`, linked statically: containers have nothing else. */
  readonly server: string;
  /** `native/client.c`. */
  readonly client: string;
}

/** Compiles the native client and server. */
export const buildTools = (): BenchTools => {
  const directory = temporaryDirectory();
  const compile = (name: string, ...options: readonly string[]): string => {
    const source = fileURLToPath(new URL(`native/${name}.c`, import.meta.url));
    const program = join(directory.path, name);
    execFileSync('cc', ['-O2', ...options, '-o', program, source]);
    return program;
  };
  return {
    server: compile('server', '-static'),
    client: compile('client', '-pthread'),
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
};

/** How a forwarded server is reached: see `forwarded-server.ts`. */
export type Way =
  | 'loopback'
  | 'loopback beside firewall'
  | 'veth'
  | 'nftables'
  | 'iptables'
  | 'handoff'
  | 'handoff without firewall';

export interface Contestant {
  /** For the table. */
  readonly name: string;
  readonly way: Way;
  /** Forwards that stand at the same time, this one the last of them. */
  readonly forwards: number;
}

/** Something the client can connect to. */
export interface Target {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly port: number;
}

/** Makes the host number `index`. */
export const createBenchHost = (prefix: string, index: number): Namespace =>
  createNamespace(`${prefix}-h${index}`);

/** A program of the benchmark in a namespace: resolves with its first line, ends it when disposed. */
export const startInside = async (
  host: Namespace,
  file: string,
  args: readonly string[],
): Promise<AsyncDisposable & { readonly firstLine: string }> => {
  const child = host.run(() => spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
  const ended = once(child, 'exit');
  const failure = ended.then(([status]) => {
    throw new Error(`${file} ended with ${String(status)} before it said anything`);
  });
  const [firstLine] = await Promise.race([once(createInterface(child.stdout), 'line'), failure]);
  return { firstLine, [Symbol.asyncDispose]: () => endByInput(child, ended) };
};

/** The end of its standard input tells it to clear up. */
const endByInput = async (child: ChildProcess, ended: Promise<unknown>): Promise<void> => {
  child.stdin?.end();
  await ended;
};

/** Starts a server behind the way of the contestant, on a host of its own. */
const startContestant = async (
  contestant: Contestant,
  index: number,
  { prefix, server }: { readonly prefix: string; readonly server: string },
): Promise<Target & AsyncDisposable> => {
  await using made = new AsyncDisposableStack();
  const host = made.use(createBenchHost(prefix, index));
  const script = fileURLToPath(new URL('forwarded-server.ts', import.meta.url));
  const { way, forwards } = contestant;
  const argument = JSON.stringify({ way, forwards, prefix, sandbox: `s${index}`, server });
  const { firstLine } = made.use(await startInside(host, process.execPath, [script, argument]));
  const [address = '', port] = firstLine.split(' ');
  const all = made.move();
  return {
    name: contestant.name,
    namespace: host.name,
    address,
    port: Number(port),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
};

/** Starts servers behind the ways of all of them, which live as long as the stack. */
export const startContestants = async (
  contestants: readonly Contestant[],
  stack: AsyncDisposableStack,
  options: { readonly prefix: string; readonly server: string },
): Promise<Target[]> => {
  const targets: Target[] = [];
  for (const [index, contestant] of contestants.entries()) {
    targets.push(stack.use(await startContestant(contestant, index, options)));
  }
  return targets;
};

export interface Measurement {
  readonly mode: 'connect' | 'download' | 'upload';
  /** Visits of each target that count; one before them does not. */
  readonly rounds: number;
  /** Connections of each thread, or milliseconds of the transfer. */
  readonly amount: number;
  readonly threads?: number;
}

/** Figures of each target, in order; those at the same place of two lists were measured side by side. */
export const measure = (
  client: string,
  { mode, rounds, amount, threads = 1 }: Measurement,
  targets: readonly Target[],
): number[][] => {
  const named = targets.map(({ namespace, address, port }) => `${namespace},${address},${port}`);
  const args = [mode, String(rounds + 1), String(amount), String(threads), ...named];
  const figures = targets.map((): number[] => []);
  const output = execFileSync(client, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  for (const line of output.split('\n').filter(Boolean)) {
    const [round, index, figure] = line.split(' ').map(Number);
    // The first round fills caches and does not count.
    if (round !== 0) figures[index!]!.push(figure!);
  }
  return figures;
};
