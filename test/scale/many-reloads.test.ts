/** One sandbox that is reloaded again and again by real saves while clients use it: nothing grows. */
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { childrenOf, newPrefix } from '../helpers/cli.ts';
import type { CliRun } from '../helpers/cli.ts';
import { Inspector } from '../helpers/inspector.ts';
import type { ObjectCounts } from '../helpers/inspector.ts';
import { createApp, engineOf, reloaded, stop, watch } from '../helpers/live-app.ts';
import type { LiveApp } from '../helpers/live-app.ts';
import { startLoad } from '../helpers/load.ts';
import { enterNamespace, leftovers, runInside } from '../privileged/network/test-network.ts';

const MIB = 1024 * 1024;
/**
 * The supervisor's heap after a collection. Seen: 0.1 to 0.6 MiB more after 400 reloads, all of it machine code
 * that V8 makes of what is called often (by two heap snapshots); 4 KiB left behind by each would be more.
 */
const HEAP_GROWTH = 1.5 * MIB;
/**
 * The supervisor's own memory for each reload, in bytes: the trend, since the allocators keep what they may use
 * again and so go up and down by some MiB, whenever it is looked at. Left behind by each, this would be 8 MiB
 * after 400.
 */
const MEMORY_TREND = 20 * 1024;
/**
 * A class that has so many more objects for each reload has kept one of each. Seen: none, or once 85 arrays that
 * V8 keeps as patterns of literals it has met often.
 */
const KEPT_BY_EACH = 0.75;
/** Between two requests of a client, in ms. */
const PAUSE_MS = 25;
/** What has been used is given back a little later: the firewall is looked at each second. */
const SETTLE_MS = 1500;

/** A reload takes 0.2 s where nobody else uses the processors, and several times as long where others do. */
const PATIENCE_MS = 900_000;

const GUESTS = ['hello-wasix', 'hello-wasmedge'] as const;
/** With a forward of UDP, whose datagrams the supervisor would relay. */
const CONFIG = '[network]\nforwards = ["3000", "3000/udp"]\n[watch]\ndebounce_ms = 20\n';

/** Everything that may be counted from outside; the same before and after. */
const countResources = (run: CliRun, { url, namespace }: { url: string; namespace: string }): unknown => {
  const pid = run.process.pid!;
  const records = `/run/wasmrun/${run.prefix}`;
  return {
    descriptors: countBy(readdirSync(`/proc/${pid}/fd`), (fd) => kindOf(`/proc/${pid}/fd/${fd}`)),
    threads: readdirSync(`/proc/${pid}/task`).length,
    processes: childrenOf(pid).length,
    kernel: leftovers(run.prefix),
    namespaces: namespacesOf(pid),
    sockets: socketsIn(namespace),
    connections: livingConnections(url, run),
    records: readdirSync(records).map((name) => [name, statSync(join(records, name)).size]),
  };
};

const countBy = (values: readonly string[], keyOf: (value: string) => string): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(values, keyOf)].map(([key, all]) => [key, all.length]));

/** `socket`, `pipe`, `anon_inode`, or the file; `gone` is the one that lists the directory. */
const kindOf = (fd: string): string => {
  try {
    return readlinkSync(fd).replace(/:\[\d+\]$/, '');
  } catch {
    return 'gone';
  }
};

/** Network namespaces that processes of the sandbox are in. */
const namespacesOf = (supervisor: number): number =>
  new Set([supervisor, ...childrenOf(supervisor)].map((pid) => readlinkSync(`/proc/${pid}/ns/net`))).size;

/** Sockets in use in a network namespace by protocol: proc(5), /proc/net/sockstat. */
const socketsIn = (namespace: string): string[] =>
  runInside(
    enterNamespace(namespace),
    'cat',
    '/proc/thread-self/net/sockstat',
    '/proc/thread-self/net/sockstat6',
  )
    .split('\n')
    .flatMap((line) => /^\S+ inuse \d+/.exec(line) ?? []);

/** Connections to the sandbox the kernel tracks, but for those that only wait to be forgotten, in 120 s. */
const livingConnections = (url: string, run: CliRun): string[] => {
  const [, address] = /^\S+ {2}([\d.]+) {2}\(namespace/m.exec(run.stderr()) ?? [];
  return readFileSync('/proc/net/nf_conntrack', 'latin1')
    .split('\n')
    .filter((line) => line.includes(` dport=${new URL(url).port} `) || line.includes(`=${address} `))
    .filter((line) => !/ (TIME_WAIT|CLOSE) /.test(line));
};

interface Memory {
  readonly heap: number;
  /** Anonymous memory that is not shared, in bytes: proc(5), /proc/pid/smaps_rollup. */
  readonly own: number;
  readonly objects: ObjectCounts;
}

const memoryOf = async (run: CliRun, inspector: Inspector): Promise<Memory> => {
  const objects = await inspector.countObjects();
  const heap = await inspector.usedHeap();
  const rollup = readFileSync(`/proc/${run.process.pid}/smaps_rollup`, 'utf8');
  const [, kibibytes] = /^Pss_Anon: +(\d+) kB$/m.exec(rollup) ?? [];
  return { heap, own: Number(kibibytes) * 1024, objects };
};

/** Reloads number `first` to `last`, one after another, while clients use it; nobody fails. */
const reload = async (first: number, last: number, { app, run, url }: Watched): Promise<void> => {
  await using fresh = startLoad(url, { pauseMs: PAUSE_MS });
  await using kept = startLoad(url, { how: 'keep-alive', pauseMs: PAUSE_MS });
  for (let count = first; count <= last; count += 1) {
    await reloaded(run, () => app.save(GUESTS[count % 2]!));
  }
  for (const load of [fresh, kept]) {
    const { counts } = await load.stop();
    expect(Object.keys(counts), JSON.stringify(counts)).toEqual(['200']);
  }
  await engineOf(run);
  await sleep(SETTLE_MS);
};

interface Watched {
  readonly app: LiveApp;
  readonly run: CliRun;
  readonly url: string;
}

/** The slope that half of the pairs of points exceed (Theil and Sen): a step or an outlier does not move it. */
const trendOf = (points: readonly (readonly [x: number, y: number])[]): number => {
  const slopes = points.flatMap(([x, y], index) =>
    points.slice(index + 1).map(([laterX, laterY]) => (laterY - y) / (laterX - x)),
  );
  return slopes.toSorted((one, other) => one - other)[Math.floor(slopes.length / 2)]!;
};

test.each([
  { transport: 'nftables', few: 50, looks: [100, 200, 300, 400, 500] },
  { transport: 'handoff', few: 50, looks: [100, 150, 200, 250, 300] },
] as const)(
  'after $few and $looks reloads with $transport there is nothing more than before',
  async (how) => {
    const { few, looks } = how;
    const [some, many] = [looks[0], looks.at(-1)!];
    await using app = await createApp(GUESTS[1], CONFIG);
    await using run = watch(app, ['--transport', how.transport], {
      prefix: newPrefix(),
      env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' },
    });
    const url = await run.url();
    const [, namespace = ''] = /\(namespace (\S+)\)/.exec(run.stderr())!;
    const watched = { app, run, url };
    {
      await using inspector = await Inspector.open(run);
      await reload(1, few, watched);
      await memoryOf(run, inspector);
      const before = countResources(run, { url, namespace });
      await reload(few + 1, some, watched);
      const warm = await memoryOf(run, inspector);
      const owned: [reloads: number, bytes: number][] = [[some, warm.own]];
      let memory = warm;
      for (const [index, until] of looks.slice(1).entries()) {
        await reload(looks[index]! + 1, until, watched);
        memory = await memoryOf(run, inspector);
        owned.push([until, memory.own]);
      }

      expect(countResources(run, { url, namespace })).toEqual(before);
      const most = (many - some) * KEPT_BY_EACH;
      const growth = Object.entries(memory.objects).map(
        ([name, count]) => [name, count - (warm.objects[name] ?? 0)] as const,
      );
      expect(growth.filter(([, count]) => count > most)).toEqual([]);
      expect(memory.heap - warm.heap).toBeLessThan(HEAP_GROWTH);
      expect(trendOf(owned), JSON.stringify(owned)).toBeLessThan(MEMORY_TREND);
    }
    await stop(run);
  },
  PATIENCE_MS,
);
