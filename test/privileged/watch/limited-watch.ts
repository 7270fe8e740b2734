/**
 * Watches a directory where the kernel allows little of inotify. Runs in a user namespace of its own,
 * whose limits it sets: namespaces(7), /proc/sys/user. Prints every warning and batch as a line of JSON.
 */
import { writeFileSync } from 'node:fs';
import { watchFiles } from '../../../src/watch/watch.ts';

const [root = '', limit = '', value = ''] = process.argv.slice(2);
const print = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);

writeFileSync(`/proc/sys/user/${limit}`, value);
const watch = await watchFiles({
  root,
  paths: [],
  ignore: [],
  includeNodeModules: false,
  outputs: [],
  debounceMs: 10,
  log: { detail() {}, info() {}, warn: (warning) => print({ warning }) },
  onBatch: ({ files }) => print({ mode: watch.mode, files }),
});
print({ mode: watch.mode });
process.stdin.resume().once('end', () => void watch[Symbol.asyncDispose]());
