/**
 * From typing the command to the first 200: `wasmrun os hello.wasm --forward …` against a bare Node start
 * (`node -e 0`, to its exit) and against `podman run -p` and `docker run -p` of the same server compiled
 * natively, where they are installed and work. Peers take turns; what counts are the medians.
 *
 *   npm run bench -- cold-start [--rounds 15]
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pinnedNode } from '../src/os/pinned-node.ts';
import { freePort } from '../test/helpers/free-port.ts';
import { untilFirst200 } from './first-answer.ts';
import { median, printTable, ratio } from './table.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const GUEST = join(ROOT, 'examples/hello-wasm/hello.wasm');
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const PREFIX = 'bench';
/** runc, because crun refuses the hybrid cgroups of some hosts. */
const PODMAN = ['podman', '--runtime', 'runc'];
const LIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
const CONTAINER = 'wasmrun-bench';
const IMAGE = 'wasmrun-bench:latest';

type Peer = readonly [name: string, measure: () => Promise<number>];
const peer = (name: string, measure: () => Promise<number>): Peer => [name, measure];

const bareNode = async (): Promise<number> => {
  const start = performance.now();
  await once(spawn(pinnedNode(), ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return performance.now() - start;
};

/** `node` is the Node the command is typed for; an old one hands over to the pinned one. */
const wasmrun = (node: string, transport: string) => async (): Promise<number> => {
  const port = await freePort();
  const args = [
    '--',
    join(ROOT, 'bin/wasmrun.cjs'),
    'os',
    GUEST,
    '--forward',
    `${port}:3000`,
    '--transport',
    transport,
  ];
  const start = performance.now();
  const child = spawn(node, args, {
    stdio: 'ignore',
    env: { ...process.env, WASMRUN_NAMESPACE_PREFIX: PREFIX },
  });
  const ended = once(child, 'exit');
  const time = await untilFirst200(port, start);
  child.kill('SIGTERM');
  await ended;
  return time;
};

const container =
  (run: (port: number) => string[], remove: readonly string[]) => async (): Promise<number> => {
    const port = await freePort();
    const [file, ...args] = run(port);
    const start = performance.now();
    const child = spawn(file!, args, { stdio: 'ignore' });
    const ended = once(child, 'exit');
    try {
      return await untilFirst200(port, start);
    } finally {
      await ended;
      spawnSync(remove[0]!, remove.slice(1), { stdio: 'ignore' });
    }
  };

/** A root file system with nothing but the statically linked server. */
const buildRootFileSystem = (directory: string): void => {
  const source = join(ROOT, 'examples/hello-wasm/hello.c');
  const include = join(ROOT, 'test/guests/include');
  execFileSync('cc', ['-O2', '-w', '-static', `-I${include}`, '-o', join(directory, 'hello'), source]);
};

const directory = mkdtempSync(join(tmpdir(), 'wasmrun-bench-'));
try {
  buildRootFileSystem(directory);
  const podman = container(
    (port) => [
      ...PODMAN,
      'run',
      '-d',
      ...LIMITS,
      '--name',
      CONTAINER,
      '-p',
      `127.0.0.1:${port}:3000`,
      '--rootfs',
      directory,
      '/hello',
      '3000',
    ],
    [...PODMAN, 'rm', '-f', '-t', '0', CONTAINER],
  );
  const docker = container(
    (port) => [
      'docker',
      'run',
      '-d',
      ...LIMITS,
      '--name',
      CONTAINER,
      '-p',
      `127.0.0.1:${port}:3000`,
      IMAGE,
      '/hello',
      '3000',
    ],
    ['docker', 'rm', '-f', CONTAINER],
  );
  const hasPodman = spawnSync('podman', ['--version']).status === 0;
  const archive = spawnSync('tar', ['-C', directory, '-c', 'hello']).stdout;
  const hasDocker = spawnSync('docker', ['import', '-', IMAGE], { input: archive }).status === 0;
  const systemNode = process.env['SYSTEM_NODE'] ?? '/usr/bin/node';
  const hasSystemNode = spawnSync(systemNode, ['--version']).status === 0;
  const peers: Peer[] = [
    ['node -e 0 (bare start)', bareNode],
    ['wasmrun, nftables', wasmrun(pinnedNode(), 'nftables')],
    ['wasmrun, handoff', wasmrun(pinnedNode(), 'handoff')],
    ...(hasSystemNode
      ? [
          [`wasmrun, started by ${systemNode}`, wasmrun(systemNode, 'auto')] as [
            string,
            () => Promise<number>,
          ],
        ]
      : []),
    ...(hasPodman ? [peer('podman run -p', podman)] : []),
    ...(hasDocker ? [peer('docker run -p', docker)] : []),
  ];

  const times = new Map<string, number[]>(peers.map(([name]) => [name, []]));
  // The first round fills caches and does not count.
  for (let round = -1; round < Number(values.rounds); round += 1) {
    for (const [name, measure] of peers) {
      const time = await measure();
      if (round >= 0) times.get(name)!.push(time);
    }
  }
  const bare = median(times.get('node -e 0 (bare start)')!);
  const ours = median(times.get('wasmrun, nftables')!);
  console.log(`Command to first 200, ${values.rounds} rounds in turns, medians\n`);
  printTable(
    ['', ': bare Node', ': wasmrun'],
    peers.map(([name]) => {
      const time = median(times.get(name)!);
      return [name, ratio(time / bare), ratio(time / ours)];
    }),
  );
  if (!hasDocker) console.log('\ndocker: no engine here, not measured');
} finally {
  rmSync(directory, { recursive: true });
  if (spawnSync('docker', ['image', 'inspect', IMAGE]).status === 0) spawnSync('docker', ['rmi', IMAGE]);
}
