/** A log of a test's own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogEntry } from '../../../src/sandbox/log-entry.ts';
import { logDirectory } from '../../../src/sandbox/log-files.ts';
import { readLog } from '../../../src/sandbox/log-reader.ts';
import type { ReadLogOptions } from '../../../src/sandbox/log-reader.ts';

export class LogFixture implements Disposable {
  readonly #parent = mkdtempSync(join(tmpdir(), 'wasmrun-log-'));
  readonly directory = logDirectory('test', 'web', this.#parent);

  [Symbol.dispose](): void {
    rmSync(this.#parent, { recursive: true });
  }
}

export const read = (directory: string, options?: ReadLogOptions): Promise<LogEntry[]> =>
  Array.fromAsync(readLog(directory, options));

export const texts = async (directory: string, options?: ReadLogOptions): Promise<string[]> =>
  (await read(directory, options)).map(({ text }) => text);

export const out = (text: string, time = 0): LogEntry => ({ time, stream: 'stdout', text });
