/** One list of patterns as git reads them, gitignore(5), and the directory it holds from. */
import ignore, { type Ignore } from 'ignore';

/** The library remembers every path it was asked about: after so many it starts over. */
const REMEMBERED_PATHS = 10_000;

export class PatternList {
  readonly #directory: string;
  #rules: Ignore;
  /** By directory: the rules for what lies in it, though they ignore the directory itself. */
  readonly #within = new Map<string, Ignore>();
  #asked = 0;

  /** @param patterns - one per entry, or the text of a .gitignore */
  constructor(directory: string, patterns: string | readonly string[]) {
    this.#directory = directory.endsWith('/') ? directory : `${directory}/`;
    this.#rules = ignore({ ignorecase: false }).add(patterns);
  }

  /** Whether the patterns ignore a directory below, by itself or with one that it lies in. */
  ignores(directory: string): boolean {
    return this.#rules.test(`${directory.slice(this.#directory.length)}/`).ignored;
  }

  /**
   * What the patterns say of a path below the directory, whose own directory is known not to be ignored:
   * to be ignored (true), to be brought back by `!` (false), nothing (undefined).
   */
  verdict(path: string, isDirectory: boolean): boolean | undefined {
    if (++this.#asked % REMEMBERED_PATHS === 0) {
      this.#rules = ignore({ ignorecase: false }).add(this.#rules);
      this.#within.clear();
    }
    const relative = path.slice(this.#directory.length);
    const parent = relative.slice(0, relative.lastIndexOf('/') + 1);
    const { ignored, unignored } = this.#rulesWithin(parent).test(isDirectory ? `${relative}/` : relative);
    return ignored || unignored ? ignored : undefined;
  }

  /**
   * The library, rightly for a single list, ignores all that lies in an ignored directory; but a nearer
   * .gitignore may have brought the directory back.
   */
  #rulesWithin(parent: string): Ignore {
    if (parent === '' || !this.#rules.test(parent).ignored) return this.#rules;
    const known = this.#within.get(parent);
    if (known !== undefined) return known;
    const names = parent.split('/').slice(0, -1);
    const broughtBack = names.map(
      (_, index) =>
        `!/${names
          .slice(0, index + 1)
          .map(literally)
          .join('/')}/`,
    );
    const rules = ignore({ ignorecase: false }).add(this.#rules).add(broughtBack);
    this.#within.set(parent, rules);
    return rules;
  }
}

/** A name as a pattern that matches nothing else. */
const literally = (name: string): string => name.replaceAll(/[\\*?[\] ]/g, String.raw`\$&`);
