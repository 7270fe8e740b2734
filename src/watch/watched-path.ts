/** One watched directory or file, compared with how it was when it was last reported. */
import { compareTrees, type FileChange } from './change-batch.ts';
import { readTree, withFilesOf, type FileTree, type Ignores } from './file-tree.ts';
import { Trigger, type TriggerOptions } from './trigger.ts';

export interface WatchedPathOptions extends Omit<TriggerOptions, 'onHint'> {
  /** Whether its absence is a change; else nothing is reported until it is back. */
  readonly reportsAbsence: boolean;
  /** Something may have changed: look. May be called often. */
  onHint(): void;
}

export class WatchedPath implements AsyncDisposable {
  readonly #options: WatchedPathOptions;
  readonly #trigger: Trigger;
  #ignores: Ignores;
  #reported: FileTree = new Map();
  #seen: FileTree = new Map();
  #isAbsent = false;
  /** Where something happened since the last look; undefined: anywhere. */
  #stale: Set<string> | undefined;

  private constructor(options: WatchedPathOptions, ignores: Ignores, trigger: Trigger) {
    this.#options = options;
    this.#ignores = ignores;
    this.#trigger = trigger;
  }

  /** Begins to watch; what is there now is the state that changes are told from. */
  static async open(options: WatchedPathOptions, ignores: Ignores): Promise<WatchedPath> {
    const trigger = await Trigger.open({ ...options, onHint: (directory) => watched.#hint(directory) });
    const watched = new WatchedPath(options, ignores, trigger);
    try {
      // Watch first, then look: what happens in between is noticed.
      await trigger.follow(new Map(), ignores);
      await watched.look();
    } catch (error) {
      await trigger[Symbol.asyncDispose]();
      throw error;
    }
    watched.commit();
    return watched;
  }

  get isPolling(): boolean {
    return this.#trigger.isPolling;
  }

  /** Whether there was no file, or none that counts, at the last look. */
  get isEmpty(): boolean {
    return [...this.#seen.values()].every(({ files }) => files.size === 0);
  }

  /**
   * Looks where something happened. Never twice at once.
   * @returns false if the path has only just come back: then look again when it is quiet
   */
  async look(): Promise<boolean> {
    let tree = await this.#read();
    const isBack = tree !== undefined && this.#isAbsent;
    this.#isAbsent = tree === undefined;
    while (await this.#trigger.follow(tree, this.#ignores)) {
      this.distrust();
      tree = await this.#read();
    }
    if (tree !== undefined) this.#seen = tree;
    else {
      this.distrust();
      if (this.#options.reportsAbsence) this.#seen = new Map();
    }
    return !isBack;
  }

  /** Makes the next look one at everything. */
  distrust(): void {
    this.#stale = undefined;
  }

  /** What the last look found to be different from what was reported. */
  changes(): readonly FileChange[] {
    return compareTrees(this.#reported, this.#seen);
  }

  /** What was seen counts as reported. */
  commit(): void {
    this.#reported = this.#seen;
  }

  /** Watches by other rules. Files that come in or drop out by the rules alone are no changes. */
  async changeRules(ignores: Ignores): Promise<void> {
    this.#ignores = ignores;
    this.distrust();
    await this.#trigger.reset();
    await this.look();
    this.#reported = withFilesOf(this.#reported, this.#seen);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#trigger[Symbol.asyncDispose]();
  }

  #hint(directory: string | undefined): void {
    if (directory === undefined) this.distrust();
    else this.#stale?.add(directory);
    this.#options.onHint();
  }

  async #read(): Promise<FileTree | undefined> {
    const reuse = this.#stale === undefined ? undefined : { tree: this.#seen, stale: this.#stale };
    // Events that come during the look are for the next one.
    this.#stale = new Set();
    return readTree(this.#options.path, this.#ignores, reuse);
  }
}
