/** Watches the directory it is given, tells what that takes, stops, tells again, and must end by itself. */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '../../../src/log.ts';
import { watchFiles } from '../../../src/watch/watch.ts';

/** Descriptors by kind, and the inotify watches they hold: proc_pid_fdinfo(5). */
const inventory = () => {
  const links = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [[fd, readlinkSync(`/proc/self/fd/${fd}`)] as const];
    } catch {
      // The one that reads the directory.
      return [];
    }
  });
  const inotify = links.filter(([, link]) => link === 'anon_inode:inotify');
  const watches = inotify.flatMap(
    ([fd]) => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^inotify wd:/gm) ?? [],
  );
  return {
    descriptors: links.length,
    watches: watches.length,
    timers: process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length,
  };
};

const [root = '', outside = ''] = process.argv.slice(2);
const watchOnce = async () => {
  const batches = Promise.withResolvers<unknown>();
  await using _watch = await watchFiles({
    root,
    paths: [outside],
    ignore: [],
    includeNodeModules: false,
    outputs: [],
    debounceMs: 10,
    log: silentLog,
    onBatch: batches.resolve,
  });
  writeFileSync(join(root, 'server.js'), 'new');
  await batches.promise;
  // Nothing happens any more; what an event left behind has had its time.
  await sleep(100);
  return inventory();
};

// The first watch opens libuv's inotify descriptor, which the process keeps.
await watchOnce();
const before = inventory();
const during = await watchOnce();
await watchOnce();
console.log(JSON.stringify({ before, during, after: inventory() }));
