/**
 * Says when to look at a path: when the kernel tells of an event, or, where it does not, when a look now
 * and then shows something new.
 */
import { lstat } from 'node:fs/promises';
import type { Log } from '../log.ts';
import { compareTrees } from './change-batch.ts';
import { watchDirectories, type DirectoryEvents } from './directory-events.ts';
import { remoteFileSystemOf } from './file-system.ts';
import { readTree, type FileTree, type Ignores } from './file-tree.ts';

/** How often to look where no events come, unless told otherwise, in ms. */
const POLL_MS = 1000;
/** How often to look for a path that is gone, in ms. */
const RETURN_POLL_MS = 200;
/** New directories often come in numbers: how long to wait before all is watched anew, in ms. */
const RENEWAL_MS = 500;

/** What to do when the kernel gives no more watches: inotify_init1(2), inotify_add_watch(2). */
const LIMITS: Readonly<Record<string, string>> = {
  ENOSPC:
    'all inotify watches of this user are taken ("sysctl fs.inotify.max_user_watches=524288" allows more)',
  EMFILE:
    'all inotify instances of this user are taken ("sysctl fs.inotify.max_user_instances=512" allows more)',
  ENOSYS: 'this kernel has no inotify',
};

export interface TriggerOptions {
  /** Absolute, no symbolic link; it may be absent. */
  readonly path: string;
  /** Look so often, in ms, whether there are events or not. */
  readonly pollMs?: number | undefined;
  readonly log: Log;
  /** Something may have changed in a directory; without one, anywhere. May be called often. */
  onHint(directory?: string): void;
}

export class Trigger implements AsyncDisposable {
  readonly #options: TriggerOptions;
  /** How often it looks; undefined while events come. */
  #pollMs: number | undefined;
  #events: DirectoryEvents | undefined;
  /** Directories whose watch is dead. */
  readonly #lost = new Set<string>();
  /** Directories that have been there since the events began: the events tell all about them. */
  #covered = new Set<string>();
  #isRenewalDue = false;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Counts the beginnings: what an earlier one still does is over. */
  #round = 0;
  #isDisposed = false;

  private constructor(options: TriggerOptions) {
    this.#options = options;
    this.#pollMs = options.pollMs;
  }

  /** It says nothing before the first {@link follow}. */
  static async open(options: TriggerOptions): Promise<Trigger> {
    const trigger = new Trigger(options);
    const remote = options.pollMs === undefined ? await remoteFileSystemOf(options.path) : undefined;
    if (remote !== undefined) {
      trigger.#poll(`it lies on ${remote}, where changes made elsewhere cause no events`);
    }
    return trigger;
  }

  get isPolling(): boolean {
    return this.#pollMs !== undefined;
  }

  /**
   * Told after every look what is there, sees to it that what happens from now on causes a hint.
   * @returns true if it had to begin anew: what happened meanwhile shows in another look at everything
   */
  async follow(tree: FileTree | undefined, ignores: Ignores): Promise<boolean> {
    if (this.#isDisposed) return false;
    if (this.#pollMs !== undefined) {
      await this.reset();
      this.#lookLater(this.#pollMs, tree, ignores);
      return false;
    }
    if (tree === undefined) {
      await this.reset();
      this.#awaitReturn();
      return false;
    }
    if (this.#events === undefined || this.#isRenewalDue || this.#hasLost(tree)) {
      await this.#begin(ignores);
      return true;
    }
    this.#lost.clear();
    this.#covered = this.#covered.intersection(tree);
    if (this.#covered.size < tree.size) this.#renewLater();
    return false;
  }

  /** Stops; the next {@link follow} begins anew. */
  async reset(): Promise<void> {
    this.#round++;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#lost.clear();
    this.#isRenewalDue = false;
    const events = this.#events;
    this.#events = undefined;
    await events?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.reset();
  }

  async #begin(ignores: Ignores): Promise<void> {
    await this.reset();
    try {
      this.#events = await watchDirectories(this.#options.path, ignores, {
        onEvent: (directory) => this.#options.onHint(directory),
        onLost: (directory) => this.#lost.add(directory),
        onError: (error) => this.#fail(error),
      });
      this.#covered = new Set(this.#events.directories);
    } catch (error) {
      this.#fail(error);
    }
  }

  #hasLost(tree: FileTree): boolean {
    return [...this.#lost].some((directory) => directory === this.#options.path || tree.has(directory));
  }

  /** There are directories that came later than the events. */
  #renewLater(): void {
    this.#later(RENEWAL_MS, () => {
      this.#isRenewalDue = true;
      this.#options.onHint();
    });
  }

  /** Events cannot be had, or not all of them. */
  #fail(error: unknown): void {
    if (this.#pollMs !== undefined) return;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const message = error instanceof Error ? error.message : String(error);
    this.#poll(LIMITS[code] ?? message);
    // The look that follows closes what there is of events.
    this.#options.onHint();
  }

  #poll(reason: string): void {
    const { path, log } = this.#options;
    this.#pollMs = POLL_MS;
    log.warn(`looking at ${path} every ${POLL_MS / 1000} s for changes: ${reason}`);
  }

  /** Looks every now and then; says so when it is not as it was. The look that follows starts this again. */
  #lookLater(pollMs: number, last: FileTree | undefined, ignores: Ignores): void {
    this.#later(pollMs, async (isOver) => {
      const tree = await readTree(this.#options.path, ignores);
      if (isOver()) return;
      if (isSame(last, tree)) this.#lookLater(pollMs, tree, ignores);
      else this.#options.onHint();
    });
  }

  #awaitReturn(): void {
    this.#later(RETURN_POLL_MS, async (isOver) => {
      const stats = await lstat(this.#options.path).catch(() => undefined);
      if (isOver()) return;
      if (stats === undefined) this.#awaitReturn();
      else this.#options.onHint();
    });
  }

  #later(delayMs: number, action: (isOver: () => boolean) => void | Promise<void>): void {
    const round = this.#round;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void action(() => this.#round !== round);
    }, delayMs);
    this.#timers.add(timer);
  }
}

const isSame = (one: FileTree | undefined, other: FileTree | undefined): boolean =>
  one === undefined || other === undefined ? one === other : compareTrees(one, other).length === 0;
