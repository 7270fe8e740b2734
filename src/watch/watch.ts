/** Watches the files of an app and tells, batch by batch, which of them changed. */
import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Log } from '../log.ts';
import { toBatch, type ChangeBatch, type FileChange } from './change-batch.ts';
import type { IgnoreOptions } from './ignore-rules.ts';
import { OwnWrites } from './own-writes.ts';
import { isBelow, outermost } from './path-order.ts';
import { QuietPeriod } from './quiet-period.ts';
import { WatchedPath } from './watched-path.ts';

export interface WatchOptions {
  /** Absolute path of the app: its directory, or the single file it consists of. */
  readonly root: string;
  /**
   * Absolute files and directories that are watched, too, even where .gitignore names them. They may be
   * absent at first.
   */
  readonly paths: readonly string[];
  /** Patterns as in .gitignore, for what lies in the root: left alone; with `!`, watched in spite of .gitignore. */
  readonly ignore: readonly string[];
  readonly includeNodeModules: boolean;
  /** Absolute files and directories that the app's own build writes: left alone, unless `paths` names them. */
  readonly outputs: readonly string[];
  /** How long nothing must happen before a batch is reported, in ms. After ten times as long it is in any case. */
  readonly debounceMs: number;
  /** Look so often, in ms, instead of waiting for the kernel's events. */
  readonly pollMs?: number | undefined;
  readonly log: Log;
  /**
   * Called for every batch. A `root` that is gone is no change: when it is back, one batch tells how it
   * differs from what it was.
   */
  onBatch(batch: ChangeBatch): void;
}

export interface Watch extends AsyncDisposable {
  /** Whether the kernel tells of changes, or something has to be looked at again and again. */
  readonly mode: 'events' | 'polling';
  /**
   * To be held while the app's own build runs: no batch is reported. On disposal, changes of the declared
   * outputs are forgotten; all others made meanwhile are reported at once, as one batch: the build may
   * have read the files before. A file that nobody declared, but every build writes, is forgotten, too.
   */
  hold(): AsyncDisposable;
}

/** Begins to watch; resolves when every change from now on will be noticed. */
export const watchFiles = async (options: WatchOptions): Promise<Watch> => {
  const root = await realpath(options.root);
  const real = (path: string): string =>
    path === options.root || isBelow(path, options.root) ? root + path.slice(options.root.length) : path;
  const paths = options.paths.map(real);
  const targets = await Promise.all(paths.map(async (path) => realpath(path).catch(() => path)));
  const watch = new FileWatch(options, {
    root,
    declared: [...new Set([...paths, ...targets])],
    outputs: options.outputs.map(real),
    patterns: options.ignore,
    includeNodeModules: options.includeNodeModules,
  });
  try {
    await watch.open();
  } catch (error) {
    await watch[Symbol.asyncDispose]();
    throw error;
  }
  return watch;
};

class FileWatch implements Watch {
  readonly #options: WatchOptions;
  /** The same with all symbolic links resolved: what is watched. */
  readonly #rules: IgnoreOptions;
  readonly #watched: WatchedPath[] = [];
  readonly #quiet: QuietPeriod;
  readonly #ownWrites: OwnWrites;
  /** Ends when all looks so far have ended: there is never more than one. */
  #looks: Promise<void> = Promise.resolve();
  #holds = 0;
  #isDisposed = false;

  constructor(options: WatchOptions, rules: IgnoreOptions) {
    this.#options = options;
    this.#rules = rules;
    this.#quiet = new QuietPeriod(options.debounceMs, () => void this.#enqueue(() => this.#look()));
    this.#ownWrites = new OwnWrites(options.log);
  }

  async open(): Promise<void> {
    const { root, declared } = this.#rules;
    const ignores = await this.#loadRules();
    for (const path of outermost([root, ...declared])) {
      const { log, pollMs } = this.#options;
      const reportsAbsence = path !== root;
      const onHint = () => this.#hint();
      this.#watched.push(await WatchedPath.open({ path, reportsAbsence, log, pollMs, onHint }, ignores));
    }
    if (this.#watched.every(({ isEmpty }) => isEmpty)) {
      this.#options.log.warn(
        `no file in ${this.#options.root} is watched: it has none, or .gitignore or [watch] ignore names them all`,
      );
    }
  }

  get mode(): 'events' | 'polling' {
    return this.#watched.some(({ isPolling }) => isPolling) ? 'polling' : 'events';
  }

  hold(): AsyncDisposable {
    this.#holds++;
    let isHeld = true;
    return {
      [Symbol.asyncDispose]: async () => {
        if (!isHeld) return;
        isHeld = false;
        this.#holds--;
        if (this.#holds === 0) await this.#enqueue(() => this.#lookAfterBuild());
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#quiet[Symbol.dispose]();
    await this.#looks;
    await Promise.all(this.#watched.map((watched) => watched[Symbol.asyncDispose]()));
  }

  #hint(): void {
    if (!this.#isDisposed) this.#quiet.touch();
  }

  #enqueue(look: () => Promise<void>): Promise<void> {
    const done = this.#looks.then(look);
    this.#looks = done.catch(() => {});
    return done;
  }

  async #look(): Promise<void> {
    if (this.#isSilent()) return;
    const isSettled = await Promise.all(this.#watched.map((watched) => watched.look()));
    if (isSettled.includes(false)) return this.#hint();
    // Held meanwhile: what was seen shows in the look after the build.
    if (this.#isSilent()) return;
    await this.#report(this.#take());
  }

  async #lookAfterBuild(): Promise<void> {
    if (this.#isSilent()) return;
    // The build's last events may not have come yet: the files themselves tell what it wrote.
    for (const watched of this.#watched) watched.distrust();
    await Promise.all(this.#watched.map((watched) => watched.look()));
    if (this.#isSilent()) return;
    const { outputs } = this.#rules;
    const changes = this.#take().filter(
      ({ path }) => !outputs.some((output) => path === output || isBelow(path, output)),
    );
    await this.#report(await this.#ownWrites.withoutRepeats(changes));
  }

  #isSilent(): boolean {
    return this.#isDisposed || this.#holds > 0;
  }

  #take(): readonly FileChange[] {
    const changes = this.#watched.flatMap((watched) => watched.changes());
    for (const watched of this.#watched) watched.commit();
    return changes;
  }

  async #report(changes: readonly FileChange[]): Promise<void> {
    if (changes.length === 0) return;
    if (changes.some(({ path }) => basename(path) === '.gitignore')) await this.#changeRules();
    if (!this.#isDisposed) this.#options.onBatch(toBatch(changes.map((change) => this.#asGiven(change))));
  }

  async #changeRules(): Promise<void> {
    const ignores = await this.#loadRules();
    await Promise.all(this.#watched.map((watched) => watched.changeRules(ignores)));
    // What changed since the last look.
    this.#hint();
  }

  async #loadRules(): Promise<(path: string, isDirectory: boolean) => boolean> {
    const { IgnoreRules } = await import('./ignore-rules.ts');
    const rules = new IgnoreRules(this.#rules);
    return (path, isDirectory) => rules.ignores(path, isDirectory);
  }

  /** With the path to the app that the caller knows. */
  #asGiven({ path, kind }: FileChange): FileChange {
    const { root } = this.#rules;
    const isInApp = path === root || isBelow(path, root);
    return { path: isInApp ? this.#options.root + path.slice(root.length) : path, kind };
  }
}
