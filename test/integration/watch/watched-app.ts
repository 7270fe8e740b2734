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
      debounceMs: 120,
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

  /** All that was reported, by batch, as `changed server.js`. */
  get reports(): string[][] {
    return this.batches
      .map(({ files }) => files.map(({ path, kind }) => `${kind} ${relative(this.root, path)}`))
      .map((reports) => reports.filter((report) => !/^(?:changed|removed) sentinel-/.test(report)));
  }

  /** Waits until exactly this was reported, in however many batches, and nothing after it. Starts over then. */
  async reported(...reports: string[]): Promise<void> {
    await eventually(() => expect(new Set(this.reports.flat())).toEqual(new Set(reports)));
    await this.nothingElse();
  }

  /** As {@link reported}, but in one batch, in this order: watch with a quiet time longer than the change takes. */
  async reportedAtOnce(...reports: string[]): Promise<void> {
    await eventually(() => expect(this.reports).toEqual([reports]));
    await this.nothingElse();
  }

  /** Waits until a change that comes last is reported, and asserts that nothing new came with it. Starts over then. */
  async nothingElse(): Promise<void> {
    const before = this.reports.flat();
    expect(new Set(await this.settle())).toEqual(new Set(before));
  }

  /** Waits until all changes so far are reported, returns them, and starts over. */
  async settle(): Promise<string[]> {
    const name = `sentinel-${Math.random().toString(36).slice(2)}`;
    await this.write(name, '');
    await eventually(() => expect(this.reports.flat()).toContain(`added ${name}`));
    const reports = this.reports.flat().filter((report) => report !== `added ${name}`);
    this.batches.length = 0;
    return reports;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch?.[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Waits until an assertion holds. */
export const eventually = (assertion: () => void): Promise<void> =>
  vi.waitFor(assertion, { timeout: 20_000, interval: 10 });
