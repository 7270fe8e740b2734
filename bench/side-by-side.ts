/** An app as a guest beside the same app run natively: what the benchmarks of runtimes have in common. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeCommand } from '../test/helpers/nodejs-command.ts';
import type { HttpLoad } from './http-load.ts';
import { memoryOf, processTree } from './process-memory.ts';
import type { ProcessMemory } from './process-memory.ts';
import { startServer } from './started-server.ts';
import type { Server } from './started-server.ts';

/** Directories for snapshots: one that all starts of a kind share, and empty ones for the first start ever. */
export class SnapshotCaches {
  readonly #parent: string;
  #count = 0;
  readonly warm: string;

  /** @param parent - absolute */
  constructor(parent: string) {
    this.#parent = parent;
    this.warm = this.empty();
  }

  empty(): string {
    this.#count += 1;
    const path = join(this.#parent, `cache-${this.#count}`);
    mkdirSync(path);
    return path;
  }
}

/** @param cache - where snapshots are kept; an empty one makes it the first start ever */
export const startGuestServer = (
  { env, ...command }: NodeCommand,
  port: number,
  cache: string,
): Promise<Server> => startServer({ ...command, env: { ...env, XDG_CACHE_HOME: cache } }, port);

export interface Turns {
  readonly connections: number;
  readonly rounds: number;
  /** Of each turn, and before anything counts, for hot code to be compiled. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

/** Loads servers in turns, each round beginning with another one; answers of each round, server by server. */
export const loadInTurns = (
  load: HttpLoad,
  servers: readonly Server[],
  { connections, rounds, seconds, warmUpSeconds }: Turns,
): readonly (readonly number[])[] => {
  for (const { port } of servers) load.run(port, connections, warmUpSeconds);
  const answers = servers.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < servers.length; turn += 1) {
      const index = (round + turn) % servers.length;
      answers[index]!.push(load.run(servers[index]!.port, connections, seconds));
    }
  }
  return answers;
};

/** How long starts take, in ms, each way in turns. The first round fills caches and does not count. */
export const measureStarts = async <Way extends string>(
  ways: Readonly<Record<Way, () => Promise<Server>>>,
  rounds: number,
): Promise<Readonly<Record<Way, readonly number[]>>> => {
  const names = Object.keys(ways) as Way[];
  const times = Object.fromEntries(names.map((way) => [way, [] as number[]])) as Record<Way, number[]>;
  for (let round = -1; round < rounds; round += 1) {
    for (const way of names) {
      await using server = await ways[way]();
      if (round >= 0) times[way].push(server.startTime);
    }
  }
  return times;
};

/** Memory of all processes of a command. */
export const memoryOfTree = (server: Server): ProcessMemory[] => processTree(server.pid).map(memoryOf);

/** The engine is the largest of the processes of a command. */
export const engineOf = (tree: readonly ProcessMemory[]): ProcessMemory =>
  tree.reduce((largest, each) => (each.rss > largest.rss ? each : largest));
