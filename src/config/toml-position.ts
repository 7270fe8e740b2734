/**
 * Where keys and values stand in a TOML document. The parser gives values without positions; this
 * walks the source once more, so the document must already have been accepted by the parser: nothing
 * is validated here (grammar: https://toml.io/en/v1.1.0).
 */

/** Keys and list indices that lead to a value. */
export type TomlPath = readonly (string | number)[];

/** A stretch of the source, in UTF-16 units; line and column count from 1. */
export interface TomlSpan {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly column: number;
}

export interface TomlPosition {
  /** The last key of the path where it was first written; absent for list elements. */
  readonly key?: TomlSpan;
  /** The value; absent for tables made by a `[header]` or a dotted key. */
  readonly value?: TomlSpan;
}

/** Positions of every key and value of a valid document, by path. */
export const locateToml = (source: string): ((path: TomlPath) => TomlPosition | undefined) => {
  const positions = new TomlWalker(source).walk();
  return (path) => positions.get(JSON.stringify(path));
};

const BARE_KEY = /[A-Za-z0-9_-]/;

class TomlWalker {
  readonly #source: string;
  #offset = 0;
  #line = 1;
  #lineStart = 0;
  readonly #positions = new Map<string, TomlPosition>();
  /** Length of each array of tables, by path of the array. */
  readonly #tableCounts = new Map<string, number>();

  constructor(source: string) {
    this.#source = source;
  }

  walk(): Map<string, TomlPosition> {
    let table: TomlPath = [];
    for (;;) {
      this.#skipBlank();
      if (this.#offset >= this.#source.length) return this.#positions;
      if (this.#peek() === '[') table = this.#header();
      else this.#pair(table);
    }
  }

  #peek(ahead = 0): string {
    return this.#source[this.#offset + ahead] ?? '';
  }

  #advance(count = 1): void {
    for (let step = 0; step < count; step += 1) {
      if (this.#peek() === '\n') {
        this.#line += 1;
        this.#lineStart = this.#offset + 1;
      }
      this.#offset += 1;
    }
  }

  /** White space, line ends, comments. */
  #skipBlank(): void {
    while (/\s/.test(this.#peek()) || this.#peek() === '#') {
      if (this.#peek() === '#')
        while (this.#offset < this.#source.length && this.#peek() !== '\n') this.#advance();
      else this.#advance();
    }
  }

  /** Runs `read` and returns its result with the stretch it consumed. */
  #spanned<T>(read: () => T): { result: T; span: TomlSpan } {
    const start = { start: this.#offset, line: this.#line, column: this.#offset - this.#lineStart + 1 };
    const result = read();
    return { result, span: { ...start, end: this.#offset } };
  }

  #record(path: TomlPath, position: TomlPosition): void {
    const name = JSON.stringify(path);
    this.#positions.set(name, { ...position, ...this.#positions.get(name) });
  }

  /** `[a.b]` or `[[a.b]]`; returns the table that the following pairs belong to. */
  #header(): TomlPath {
    const isList = this.#peek(1) === '[';
    this.#advance(isList ? 2 : 1);
    let path = this.#keyPath([], isList);
    this.#advance(isList ? 2 : 1);
    if (isList) {
      const name = JSON.stringify(path);
      const index = this.#tableCounts.get(name) ?? 0;
      this.#tableCounts.set(name, index + 1);
      path = [...path, index];
    }
    return path;
  }

  /** Reads `a.b.c` below `parent`, recording every part; steps into the last table of a list of tables. */
  #keyPath(parent: TomlPath, stopAtList = false): TomlPath {
    let path = parent;
    for (;;) {
      this.#skipBlank();
      const { result, span } = this.#spanned(() => this.#key());
      path = [...path, result];
      this.#record(path, { key: span });
      this.#skipBlank();
      const isLast = this.#peek() !== '.';
      const count = this.#tableCounts.get(JSON.stringify(path));
      if (count !== undefined && !(isLast && stopAtList)) path = [...path, count - 1];
      if (isLast) return path;
      this.#advance();
    }
  }

  #key(): string {
    if (this.#peek() === '"' || this.#peek() === "'") return this.#string();
    const start = this.#offset;
    while (BARE_KEY.test(this.#peek())) this.#advance();
    return this.#source.slice(start, this.#offset);
  }

  #pair(parent: TomlPath): void {
    const path = this.#keyPath(parent);
    this.#advance();
    this.#value(path);
  }

  #value(path: TomlPath): void {
    this.#skipBlank();
    const { span } = this.#spanned(() => {
      const first = this.#peek();
      if (first === '[') this.#elements(']', (index) => this.#value([...path, index]));
      else if (first === '{') this.#elements('}', () => this.#pair(path));
      else if (first === '"' || first === "'") this.#string();
      else this.#scalar();
    });
    this.#record(path, { value: span });
  }

  /** The comma-separated inside of a list or inline table. */
  #elements(close: string, read: (index: number) => void): void {
    this.#advance();
    for (let index = 0; ; index += 1) {
      this.#skipBlank();
      if (this.#peek() !== close) read(index);
      this.#skipBlank();
      const ended = this.#peek() === close;
      this.#advance();
      if (ended) return;
    }
  }

  /** Numbers, booleans, dates: up to a delimiter; a date may hold one space before its time. */
  #scalar(): void {
    const [text = ''] =
      /^[^\s,\]}#]+(?:(?<=^\d{4}-\d\d-\d\d) \d\d:[^\s,\]}#]+)?/.exec(this.#source.slice(this.#offset)) ?? [];
    this.#advance(Math.max(1, text.length));
  }

  /** Any of the four strings; returns the text of a single-line one (keys are never multi-line). */
  #string(): string {
    const quote = this.#peek();
    const delimiter = this.#source.startsWith(quote.repeat(3), this.#offset) ? quote.repeat(3) : quote;
    const start = this.#offset;
    this.#advance(delimiter.length);
    while (!this.#source.startsWith(delimiter, this.#offset)) {
      this.#advance(quote === '"' && this.#peek() === '\\' ? 2 : 1);
    }
    this.#advance(delimiter.length);
    // A multi-line string may end with up to two quotes of its own before the delimiter.
    if (delimiter.length === 3) while (this.#peek() === quote) this.#advance();
    const inner = this.#source.slice(start + 1, this.#offset - 1);
    return quote === '"' ? unescape(inner) : inner;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  e: '\u001B',
};

/** Undoes the escapes of a basic string. */
const unescape = (text: string): string =>
  text.replaceAll(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))/g,
    (
      _,
      short: string | undefined,
      long: string | undefined,
      byte: string | undefined,
      letter: string | undefined,
    ) => {
      const code = short ?? long ?? byte;
      return code === undefined
        ? (ESCAPES[letter ?? ''] ?? letter ?? '')
        : String.fromCodePoint(parseInt(code, 16));
    },
  );
