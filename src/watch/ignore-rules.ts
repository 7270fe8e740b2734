/**
 * Which files count as the app's: not what editors leave for a moment, not what git leaves out, not what
 * the build writes. What the user declares by name counts in any case.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Ignore } from 'ignore';
import { isBelow } from './path-order.ts';

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
  /** Patterns as in .gitignore, from the root; they beat the .gitignore files. */
  readonly patterns: readonly string[];
  readonly includeNodeModules: boolean;
}

/**
 * The rules as they are at one time: each .gitignore is read once, when its directory is first asked
 * for. After a change of one, load them anew.
 */
export class IgnoreRules {
  readonly #options: IgnoreOptions;
  readonly #compile: (patterns: string | readonly string[]) => Ignore;
  readonly #outputs: ReadonlySet<string>;
  readonly #patterns: Ignore;
  /** The root of the git repository, else of the app: where .gitignore files begin. */
  readonly #top: string;
  readonly #gitignores = new Map<string, Ignore | undefined>();
  readonly #hiddenDirectories = new Map<string, boolean>();

  private constructor(options: IgnoreOptions, compile: (patterns: string | readonly string[]) => Ignore) {
    this.#options = options;
    this.#compile = compile;
    this.#outputs = new Set(options.outputs);
    this.#patterns = compile(options.patterns);
    this.#top = repositoryAbove(options.root) ?? options.root;
  }

  static async load(options: IgnoreOptions): Promise<IgnoreRules> {
    const { default: ignore } = await import('ignore');
    return new IgnoreRules(options, (patterns) => ignore({ ignorecase: false }).add(patterns));
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

    const declaration = declared.find((directory) => isBelow(path, directory));
    const patternsFrom = isBelow(path, root) ? root : declaration;
    const verdict =
      patternsFrom === undefined ? undefined : decide(this.#patterns, patternsFrom, path, isDirectory);
    if (verdict !== undefined) return verdict;
    return declaration === undefined && this.#isNamedByGit(path, isDirectory);
  }

  /** The nearest .gitignore that says anything decides: gitignore(5). */
  #isNamedByGit(path: string, isDirectory: boolean): boolean {
    for (let directory = dirname(path); ; directory = dirname(directory)) {
      const rules = this.#gitignoreOf(directory);
      const verdict = rules === undefined ? undefined : decide(rules, directory, path, isDirectory);
      if (verdict !== undefined) return verdict;
      if (directory === this.#top || directory === dirname(directory)) return false;
    }
  }

  #gitignoreOf(directory: string): Ignore | undefined {
    if (this.#gitignores.has(directory)) return this.#gitignores.get(directory);
    const text = readIfThere(join(directory, '.gitignore'));
    const rules = text === undefined ? undefined : this.#compile(text);
    this.#gitignores.set(directory, rules);
    return rules;
  }
}

/**
 * What rules that hold from `directory` say of a path itself: ignored (true), brought back by `!`
 * (false), nothing (undefined). What they say of a directory above it has been decided already, where
 * a nearer .gitignore could overrule it.
 */
const decide = (
  rules: Ignore,
  directory: string,
  path: string,
  isDirectory: boolean,
): boolean | undefined => {
  const relative = path.slice(directory === '/' ? 1 : directory.length + 1);
  const slash = relative.lastIndexOf('/');
  if (slash > 0 && rules.test(relative.slice(0, slash + 1)).ignored) return undefined;
  const { ignored, unignored } = rules.test(isDirectory ? `${relative}/` : relative);
  return ignored || unignored ? ignored : undefined;
};

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
