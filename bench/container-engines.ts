/**
 * Podman and Docker as peers: the benchmark's server in a container that publishes a port on 127.0.0.1, each
 * on a host of its own, see bench-host.ts. Both are Debian's (`apt-get install podman runc docker.io`), both
 * are told to keep everything they write in a directory that is removed afterwards, and no image is fetched:
 * the container's root holds nothing but the statically linked server.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../src/network/namespace.ts';
import { createBenchHost, temporaryDirectory } from './bench-host.ts';
import type { Target } from './bench-host.ts';

/** Nobody else is on that host. */
const HOST_PORT = 8080;
const PUBLISH = `127.0.0.1:${HOST_PORT}:3000`;
const SERVER = ['/server', '0.0.0.0', '3000'];
/** The limits that a sandbox machine may not raise. */
const LIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
const CONTAINER = 'wasmrun-bench';
const IMAGE = 'wasmrun-bench:latest';
/** Until Docker's daemon answers, in ms. */
const DAEMON_PATIENCE_MS = 15_000;

interface EngineOptions {
  readonly prefix: string;
  /** Number of the host. */
  readonly index: number;
  /** Path of the server program. */
  readonly server: string;
}

type Engine = (host: Namespace, directory: string, made: AsyncDisposableStack) => Promise<void>;

/** Runs a command to its end on the host; rejects with what it said if it fails. */
const run = async (host: Namespace, file: string, args: readonly string[], input = ''): Promise<string> => {
  const child = host.run(() => spawn(file, args, { stdio: 'pipe' }));
  child.stdin.on('error', () => {}).end(input);
  const ended = once(child, 'close');
  const [output, complaints, [status]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${complaints.trim()}`);
  return output;
};

/** runc, because crun refuses the hybrid cgroups of some machines. */
const podman: Engine = async (host, directory, made) => {
  const common = [
    '--runtime',
    'runc',
    '--root',
    join(directory, 'root'),
    '--runroot',
    join(directory, 'run'),
  ];
  const root = join(directory, 'rootfs');
  made.defer(async () => void (await run(host, 'podman', [...common, 'rm', '-f', '-t', '0', CONTAINER])));
  const container = ['--name', CONTAINER, '-p', PUBLISH, '--rootfs', root, ...SERVER];
  await run(host, 'podman', [...common, 'run', '-d', ...LIMITS, ...container]);
};

/** Docker as it is installed: connections to 127.0.0.1 go through its `docker-proxy`. */
const docker: Engine = async (host, directory, made) => {
  const socket = join(directory, 'docker.sock');
  const stored = ['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')];
  const args = ['-H', `unix://${socket}`, ...stored, '--pidfile', join(directory, 'pid')];
  const daemon = host.run(() => spawn('dockerd', args, { stdio: 'ignore' }));
  const ended = once(daemon, 'exit');
  made.defer(async () => {
    daemon.kill('SIGTERM');
    await ended;
  });
  await Promise.race([
    untilDockerAnswers(host, socket),
    ended.then(() => Promise.reject(new Error('dockerd'))),
  ]);
  const client = (...words: readonly string[]): Promise<string> =>
    run(host, 'docker', ['-H', `unix://${socket}`, ...words]);
  const archive = join(directory, 'root.tar');
  await run(host, 'tar', ['-C', join(directory, 'rootfs'), '-cf', archive, 'server']);
  await client('import', archive, IMAGE);
  made.defer(async () => void (await client('rm', '-f', CONTAINER)));
  await client('run', '-d', ...LIMITS, '--name', CONTAINER, '-p', PUBLISH, IMAGE, ...SERVER);
};

const untilDockerAnswers = async (host: Namespace, socket: string): Promise<void> => {
  const deadline = performance.now() + DAEMON_PATIENCE_MS;
  for (;;) {
    try {
      await run(host, 'docker', ['-H', `unix://${socket}`, 'version']);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(100);
    }
  }
};

const startEngine =
  (name: string, programs: readonly string[], engine: Engine) =>
  async ({ prefix, index, server }: EngineOptions): Promise<Target & AsyncDisposable> => {
    await using made = new AsyncDisposableStack();
    const directory = made.use(temporaryDirectory());
    mkdirSync(join(directory.path, 'rootfs'));
    copyFileSync(server, join(directory.path, 'rootfs', 'server'));
    const host = made.use(createBenchHost(prefix, index));
    for (const program of programs) await run(host, program, ['--version']);
    await engine(host, directory.path, made);
    const all = made.move();
    return {
      name,
      namespace: host.name,
      address: '127.0.0.1',
      port: HOST_PORT,
      [Symbol.asyncDispose]: () => all.disposeAsync(),
    };
  };

/** Each rejects where it is not installed, or does not run. */
export const CONTAINER_ENGINES = [
  startEngine('podman -p', ['podman', 'runc'], podman),
  startEngine('docker -p', ['docker', 'dockerd'], docker),
];
