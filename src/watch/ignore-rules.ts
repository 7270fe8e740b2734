/**
 * Which files count as the app's: not what editors leave for a moment, not what git leaves out, not what
 * the build writes. What the user declares by name counts in any case.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isBelow } from './path-order.ts';
import { PatternList } from './pattern-list.ts';

/** Files that editors and desktops make beside the one that is saved, by their own names. */
const TEMPORARY_FILES: readonly RegExp[] = [
  /~$/, // backups of many editors
  /^\..*\.sw[a-z]$/, // Vim, nano
  /^4913$/, // Vim: may I write in this directory?
  /^\.#/, // Emacs: lock
  /^#.*#$/, // Emacs: autosave
  /___jb_(?:tmp|old|bak)___$/, // JetBrains
  /^\..*\.kate-swp$/, // Kate
  /^\.goutputstream-/, // GLib: gedit, GNOME Text Editor
  /\.vsctmp$/, // Visual Studio Code: atomic writes
  /^\.subl.*\.tmp$/, // Sublime Text
  /^\.nfs[0-9a-f]{16,}$/, // NFS: removed while open
  /^\.DS_Store$/, // macOS
];

export interface IgnoreOptions {
  /** Absolute path of the app: a directory, or a single file. */
  readonly root: string;
  /** Absolute files and directories that count even where .gitignore names them. */
  readonly declared: readonly string[];
  /** Absolute files and directories that the app's own build writes. */
  readonly outputs: readonly string[];
  /** Patterns as in .gitignore, for what lies in the root; they beat the .gitignore files. */
  readonly patterns: readonly string[];
  readonly includeNodeModules: boolean;
}

/**
 * The rules as they are at one time: each .gitignore is read once, when its directory is first asked
 * for. After a change of one, load them anew.
 */
export class IgnoreRules {
  readonly #options: IgnoreOptions;
  readonly #outputs: ReadonlySet<string>;
  /** The root of the git repository, else of the app: where .gitignore files begin. */
  readonly #top: string;
  readonly #patterns: PatternList;
  readonly #gitignores = new Map<string, PatternList | undefined>();
  readonly #hiddenDirectories = new Map<string, boolean>();

  constructor(options: IgnoreOptions) {
    this.#options = options;
    this.#outputs = new Set(options.outputs);
    this.#top = repositoryAbove(options.root) ?? options.root;
    this.#patterns = new PatternList(options.root, options.patterns);
  }

  /** Whether a path, absolute, is none of the app's files; a directory: whether nothing in it is. */
  ignores(path: string, isDirectory: boolean): boolean {
    const { declared } = this.#options;
    if (declared.some((wanted) => wanted === path || isBelow(wanted, path))) return false;
    return this.#isHidden(path, isDirectory);
  }

  /** As {@link ignores}, but says true of a directory that is only passed on the way to a declared path. */
  #isHidden(path: string, isDirectory: boolean): boolean {
    if (path === this.#options.root || this.#options.declared.includes(path)) return false;
    const parent = dirname(path);
    if (parent === path) return true;
    return this.#isHiddenDirectory(parent) || this.#isNamed(path, isDirectory);
  }

  #isHiddenDirectory(path: string): boolean {
    const known = this.#hiddenDirectories.get(path);
    if (known !== undefined) return known;
    const hidden = this.#isHidden(path, true);
    this.#hiddenDirectories.set(path, hidden);
    return hidden;
  }

  /** Whether a rule names this path; its directory is known to count. */
  #isNamed(path: string, isDirectory: boolean): boolean {
    const { root, declared, includeNodeModules } = this.#options;
    const name = basename(path);
    if (name === '.git' || (name === 'node_modules' && !includeNodeModules)) return true;
    if (this.#outputs.has(path) || TEMPORARY_FILES.some((pattern) => pattern.test(name))) return true;

    if (isBelow(path, root)) {
      const verdict = this.#patterns.verdict(path, isDirectory);
      if (verdict !== undefined) return verdict;
    }
    return !declared.some((directory) => isBelow(path, directory)) && this.#isNamedByGit(path, isDirectory);
  }

  /** The nearest .gitignore that says anything decides: gitignore(5). */
  #isNamedByGit(path: string, isDirectory: boolean): boolean {
    for (let directory = dirname(path); ; directory = dirname(directory)) {
      const verdict = this.#gitignoreOf(directory)?.verdict(path, isDirectory);
      if (verdict !== undefined) return verdict;
      if (directory === this.#top || directory === dirname(directory)) return false;
    }
  }

  /** The .gitignore of a directory; not one above the app that ignores the app as a whole. */
  #gitignoreOf(directory: string): PatternList | undefined {
    if (this.#gitignores.has(directory)) return this.#gitignores.get(directory);
    const text = readIfThere(join(directory, '.gitignore'));
    const list = text === undefined ? undefined : new PatternList(directory, text);
    const { root } = this.#options;
    const isForeign = isBelow(root, directory) && list?.ignores(root) === true;
    this.#gitignores.set(directory, isForeign ? undefined : list);
    return isForeign ? undefined : list;
  }
}

/** The nearest directory, from `path` upward, that has `.git` in it: a directory, or a file in worktrees. */
const repositoryAbove = (path: string): string | undefined => {
  for (let directory = path; ; directory = dirname(directory)) {
    if (existsSync(join(directory, '.git'))) return directory;
    if (directory === dirname(directory)) return undefined;
  }
};

const readIfThere = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Absent, a directory, or unreadable: git goes on without it, too.
    return undefined;
  }
};
