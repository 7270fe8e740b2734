/** Writes a log on a disk that is full for a while, and prints what can be read of it. Argument: a directory there. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { readLog } from '../../../src/sandbox/log-reader.ts';
import { LogWriter } from '../../../src/sandbox/log-writer.ts';

const disk = process.argv[2]!;
const directory = join(disk, 'logs', 'web');
using writer = new LogWriter(directory);
const append = (text: string): void => writer.append({ time: 0, stream: 'stdout', text });

append('before\n');
const filler = join(disk, 'filler');
const fd = openSync(filler, 'w');
try {
  for (;;) writeSync(fd, Buffer.alloc(4096));
} catch {
  // It is full.
}
append('x'.repeat(1000).concat('\n').repeat(50));
append('y'.repeat(1000).concat('\n').repeat(50));
closeSync(fd);
rmSync(filler);
append('after\n');
console.log(JSON.stringify(await Array.fromAsync(readLog(directory))));
