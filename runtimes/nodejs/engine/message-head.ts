/** A head's lines while they arrive, possibly in many pieces, and the texts they become. */
import { trimOptionalWhiteSpace } from './optional-white-space.ts';

/** Node's binding hands over a head in parts of one header less than this (`kMaxHeaderFieldsCount`). */
const MAX_PAIRS = 32;

/** Decodes bytes of the chunk that is being parsed; the operands are offsets in it. */
export type Latin1 = (start: number, end: number) => string;

/**
 * The head (or the trailers) of one message. Where its pieces lie in the chunk is kept as pairs of
 * offsets, so that a head that came in one chunk is decoded at once; what came in earlier chunks is
 * kept as text.
 */
export class MessageHead {
  /** Start and end of the url or the reason phrase, then of each name and value in turn. */
  readonly #spans = new Int32Array(2 + 4 * MAX_PAIRS);
  /** What precedes the span of the same number, from earlier pieces. */
  readonly #kept: string[] = [];
  /** Names and values begun; even: the next is a name. */
  #count = 0;

  /** Forgets everything: a message begins. */
  reset(): void {
    this.#spans.fill(0, 0, 2 + 2 * this.#count);
    this.#kept.length = 0;
    this.#count = 0;
  }

  /** Whether any header was read that has not been taken. */
  get hasHeaders(): boolean {
    return this.#count > 0;
  }

  /** Whether a name has begun and its value has not. */
  get isInName(): boolean {
    return (this.#count & 1) === 1;
  }

  /** A piece of the url or of the reason phrase. */
  addLine(start: number, end: number, latin1: Latin1): void {
    this.#extend(0, start, end, latin1);
  }

  /** Returns whether there was room for it; if not, the headers must be taken first. */
  addName(start: number, end: number, latin1: Latin1): boolean {
    if (this.#count === 2 * (MAX_PAIRS - 1)) return false;
    this.#add(0, start, end, latin1);
    return true;
  }

  /** Returns whether it is the first piece of the value. */
  addValue(start: number, end: number, latin1: Latin1): boolean {
    return this.#add(1, start, end, latin1);
  }

  /** The chunk's bytes are about to go: keeps what lies in them as text. */
  keep(latin1: Latin1): void {
    const spans = this.#spans;
    for (let item = 0; item <= this.#count; item++) {
      const start = spans[2 * item]!;
      const end = spans[2 * item + 1]!;
      if (end === 0) continue;
      this.#kept[item] = (this.#kept[item] ?? '') + latin1(start, end);
      spans[2 * item] = 0;
      spans[2 * item + 1] = 0;
    }
  }

  /** The url or the reason phrase. */
  line(latin1: Latin1): string {
    const start = this.#spans[0]!;
    const end = this.#spans[1]!;
    const piece = end === 0 ? '' : latin1(start, end);
    return this.#kept.length === 0 ? piece : (this.#kept[0] ?? '') + piece;
  }

  /** From now on the url or the reason phrase is empty. */
  clearLine(): void {
    this.#spans[0] = 0;
    this.#spans[1] = 0;
    if (this.#kept.length > 0) this.#kept[0] = '';
  }

  /** The name that the value last added belongs to. */
  lastName(latin1: Latin1): string {
    const item = this.#count - 1;
    const end = this.#spans[2 * item + 1]!;
    return (this.#kept[item] ?? '') + (end === 0 ? '' : latin1(this.#spans[2 * item]!, end));
  }

  /** Names and values in turn; from now on there are none. */
  takeHeaders(latin1: Latin1): string[] {
    const spans = this.#spans;
    const kept = this.#kept;
    const count = this.#count;
    const headers: string[] = [];
    if (count === 0) return headers;
    // Those kept as text come first, the rest follows in one piece of the chunk.
    let first = 1;
    while (first <= count && spans[2 * first + 1] === 0) first++;
    const base = first > count ? 0 : spans[2 * first]!;
    const text = first > count ? '' : latin1(base, spans[2 * count + 1]!);
    for (let item = 1; item <= count; item++) {
      const piece = text.slice(spans[2 * item]! - base, spans[2 * item + 1]! - base);
      const whole = item < kept.length ? (kept[item] ?? '') + piece : piece;
      headers.push((item & 1) === 0 ? trimOptionalWhiteSpace(whole) : whole);
    }
    spans.fill(0, 2, 2 + 2 * count);
    if (kept.length > 1) kept.length = 1;
    this.#count = 0;
    return headers;
  }

  /** @param parity 0: a name, 1: a value */
  #add(parity: number, start: number, end: number, latin1: Latin1): boolean {
    if ((this.#count & 1) !== parity) {
      this.#extend(this.#count, start, end, latin1);
      return false;
    }
    const item = ++this.#count;
    this.#spans[2 * item] = start;
    this.#spans[2 * item + 1] = end;
    return true;
  }

  #extend(item: number, start: number, end: number, latin1: Latin1): void {
    const spans = this.#spans;
    const before = spans[2 * item + 1]!;
    if (before === start && before !== 0) {
      spans[2 * item + 1] = end;
      return;
    }
    if (before !== 0) this.#kept[item] = (this.#kept[item] ?? '') + latin1(spans[2 * item]!, before);
    spans[2 * item] = start;
    spans[2 * item + 1] = end;
  }
}
