/**
 * A file of SQL as psql reads it: statements, the data of COPY between them, and psql's own commands. What a statement ends
 * with is decided as by psql (src/fe_utils/psqlscan.l). Texts have a character for each byte: all that matters is ASCII.
 */

/** A statement, without the semicolon. */
export interface Statement {
  readonly text: string;
  /** Where it begins, in bytes. */
  readonly start: number;
}

/** A line that psql would not send. */
export interface MetaCommand {
  /** To the end of the line. */
  readonly command: string;
  readonly start: number;
  /** Does it stand between statements? */
  readonly isAlone: boolean;
}

const BYTE_ORDER_MARK = '\u00EF\u00BB\u00BF';
const SPACE = /[ \t\n\r\f\v]+/y;
const COMMENT = /--[^\n\r]*/y;
const IDENTIFIER = /[A-Za-z_\x80-\xFF][A-Za-z0-9_$\x80-\xFF]*/y;
const NUMBER = /[0-9]+/y;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\x80-\xFF][A-Za-z0-9_\x80-\xFF]*)?\$/y;
/** What is in a text in which a backslash makes the next character an ordinary one. */
const ESCAPED = /[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*/y;
/** What is between two parts of the same text: at least one end of a line. */
const CONTINUATION = /(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'/y;
const LINE = /[^\n\r]*/y;
/** The end of COPY's data, alone on its line. */
const COPY_END = /^\\\.\r?(?:\n|$)/m;
const LINE_END = /\r?\n/y;

/** What psql looks for in order to know functions whose bodies are SQL. */
const HEADING = new Set(['create', 'function', 'procedure', 'or', 'replace']);
const ROUTINE = /^c(?:or)?[fp]/;

export class SqlScript {
  readonly #text: string;
  #at: number;
  /** Whether a backslash is an ordinary character in an ordinary text (`standard_conforming_strings`). */
  hasStandardStrings = true;

  /** @param text - a character for each byte (latin1) */
  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  }

  /** What comes next; undefined at the end. */
  next(): Statement | MetaCommand | undefined {
    this.#skipBlank();
    while (this.#text[this.#at] === ';') {
      this.#at += 1;
      this.#skipBlank();
    }
    if (this.#at >= this.#text.length) return undefined;
    return this.#statement();
  }

  /** The lines that follow the statement, up to `\.`: what its COPY reads. */
  copyData(): { readonly data: string; readonly start: number } {
    this.#match(LINE);
    this.#match(LINE_END);
    const start = this.#at;
    const rest = this.#text.slice(start);
    const end = COPY_END.exec(rest);
    this.#at = end === null ? this.#text.length : start + end.index + end[0].length;
    return { data: end === null ? rest : rest.slice(0, end.index), start };
  }

  /** Number of the line that a place is in, from 1 on. */
  lineOf(place: number): number {
    let line = 1;
    for (let at = this.#text.indexOf('\n'); at >= 0 && at < place; at = this.#text.indexOf('\n', at + 1))
      line += 1;
    return line;
  }

  #statement(): Statement | MetaCommand {
    const start = this.#at;
    const heading = new Heading();
    let parentheses = 0;
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at]!;
      if (character === '\\') {
        const from = this.#at;
        return { command: this.#match(LINE)!, start: from, isAlone: from === start };
      }
      if (character === ';' && parentheses <= 0 && !heading.isInBody) break;
      if (character === '(') parentheses += 1;
      if (character === ')') parentheses -= 1;
      this.#token(character, (word) => heading.take(word, parentheses));
    }
    const text = this.#text.slice(start, this.#at).trimEnd();
    this.#at += 1;
    return { text, start };
  }

  #skipBlank(): void {
    while (this.#match(SPACE) !== undefined || this.#match(COMMENT) !== undefined || this.#blockComment());
  }

  #token(character: string, onWord: (word: string) => void): void {
    const { hasStandardStrings } = this;
    if (this.#match(SPACE) ?? this.#match(COMMENT) ?? this.#match(NUMBER)) return;
    if (this.#blockComment()) return;
    const word = this.#match(IDENTIFIER);
    if (word !== undefined) {
      onWord(word.toLowerCase());
      if (/^[eE]$/.test(word) && this.#text[this.#at] === "'") this.#string(true);
      else if (/^[bBxX]$/.test(word) && this.#text[this.#at] === "'") this.#quoted("'");
      return;
    }
    const tag = this.#match(DOLLAR_QUOTE);
    if (tag !== undefined) this.#until(tag);
    else if (character === "'") this.#string(!hasStandardStrings);
    else if (character === '"') this.#quoted('"');
    else this.#at += 1;
  }

  #string(hasEscapes: boolean): void {
    if (!hasEscapes) return this.#quoted("'");
    do {
      this.#at += 1;
      this.#match(ESCAPED);
      this.#at += 1;
    } while (this.#continues());
  }

  /** Whether another part of the same text follows; then it is at its quote. */
  #continues(): boolean {
    if (this.#match(CONTINUATION) === undefined) return false;
    this.#at -= 1;
    return true;
  }

  /** Up to the same character again; two of them are one of what is quoted, which makes no difference here. */
  #quoted(quote: string): void {
    this.#at += 1;
    this.#until(quote);
  }

  #until(text: string): void {
    const end = this.#text.indexOf(text, this.#at);
    this.#at = end < 0 ? this.#text.length : end + text.length;
  }

  /** They may be in each other. */
  #blockComment(): boolean {
    if (!this.#text.startsWith('/*', this.#at)) return false;
    this.#at += 2;
    for (let depth = 1; depth > 0 && this.#at < this.#text.length;) {
      if (this.#text.startsWith('*/', this.#at)) depth -= 1;
      else if (this.#text.startsWith('/*', this.#at)) depth += 1;
      else {
        this.#at += 1;
        continue;
      }
      this.#at += 2;
    }
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found === undefined || found === '') return undefined;
    this.#at += found.length;
    return found;
  }
}

/** Whether a statement makes a function, and its body, which has semicolons of its own, has begun. */
class Heading {
  #initials = '';
  #depth = 0;

  get isInBody(): boolean {
    return this.#depth > 0;
  }

  take(word: string, parentheses: number): void {
    // psql remembers four words, and only these.
    if (this.#initials.length < 4) this.#initials += HEADING.has(word) ? word[0]! : '-';
    if (parentheses > 0 || !ROUTINE.test(this.#initials)) return;
    if (word === 'begin' || (word === 'case' && this.#depth > 0)) this.#depth += 1;
    else if (word === 'end' && this.#depth > 0) this.#depth -= 1;
  }
}
