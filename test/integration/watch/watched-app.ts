/** An app directory that is watched, with everything that was reported about it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { expect, vi } from 'vitest';
import type { ChangeBatch } from '../../../src/watch/change-batch.ts';
import { watchFiles, type Watch, type WatchOptions } from '../../../src/watch/watch.ts';

/** One directory on the disk, one in memory: their clocks and inode numbers differ. */
export const PLACES = [
  ['disk', tmpdir()],
  ['tmpfs', '/dev/shm'],
] as const;

export class WatchedApp implements AsyncDisposable {
  readonly directory: string;
  readonly root: string;
  readonly batches: ChangeBatch[] = [];
  readonly warnings: string[] = [];
  #watch: Watch | undefined;

  private constructor(directory: string) {
    this.directory = directory;
    this.root = join(directory, 'app');
  }

  /** Makes the files, each with its own name as content, without watching them yet. */
  static async make(place: string, files: readonly string[]): Promise<WatchedApp> {
    const app = new WatchedApp(await mkdtemp(join(place, 'wasmrun-watch-')));
    await mkdir(app.root);
    for (const file of files) await app.write(file);
    return app;
  }

  async start(options: Partial<WatchOptions> = {}): Promise<this> {
    this.#watch = await watchFiles({
      root: this.root,
      paths: [],
      ignore: [],
      includeNodeModules: false,
      outputs: [],
      debounceMs: 30,
      log: { detail() {}, info() {}, warn: (message) => this.warnings.push(message) },
      onBatch: (batch) => this.batches.push(batch),
      ...options,
    });
    return this;
  }

  get watch(): Watch {
    if (this.#watch === undefined) throw new Error('not watched yet');
    return this.#watch;
  }

  path(file: string): string {
    return join(this.root, file);
  }

  async write(file: string, content = file): Promise<void> {
    await mkdir(dirname(this.path(file)), { recursive: true });
    await writeFile(this.path(file), content);
  }

  /** All that was reported: `changed server.js`, by batch. */
  get reports(): string[][] {
    return this.batches.map(({ files }) =>
      files
        .map(({ path, kind }) => `${kind} ${relative(this.root, path)}`)
        .filter((report) => !report.startsWith('removed sentinel-')),
    );
  }

  /** Waits until exactly these batches were reported; then nothing else may follow, see {@link nothingElse}. */
  async reported(...batches: string[][]): Promise<void> {
    await vi.waitFor(() => expect(this.reports).toEqual(batches), { timeout: 20_000, interval: 10 });
    await this.nothingElse();
  }

  /** Waits until a change that comes last is reported, and asserts that it is reported alone. Starts over then. */
  async nothingElse(): Promise<void> {
    const before = this.reports;
    const name = `sentinel-${Math.random().toString(36).slice(2)}`;
    await this.write(name);
    await vi.waitFor(() => expect(this.reports.flat()).toContain(`added ${name}`), {
      timeout: 20_000,
      interval: 10,
    });
    expect(this.reports).toEqual([...before, [`added ${name}`]]);
    this.batches.length = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch?.[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true, force: true });
  }
}
