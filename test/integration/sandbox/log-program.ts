/**
 * Writes numbered lines into a log for ever, and says after each line that it was appended. A program of its own, to be
 * killed. Arguments: directory, first number, bytes of a file, how many files, how many lines (0: no end).
 */
import { writeSync } from 'node:fs';
import { LogWriter } from '../../../src/sandbox/log-writer.ts';

const [directory, first, fileBytes, files, count] = process.argv.slice(2);
const end = count === '0' ? Infinity : Number(first) + Number(count);
using writer = new LogWriter(directory!, { fileBytes: Number(fileBytes), files: Number(files) });
for (let number = Number(first); number < end; number++) {
  writer.append({ time: Date.now(), stream: 'stdout', text: `${number}${' .'.repeat(number % 50)}\n` });
  writeSync(1, `${number}\n`);
}
