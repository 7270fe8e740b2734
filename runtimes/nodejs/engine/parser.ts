import { MessageHead } from './message-head.ts';

/** Types of parsers, as Node's binding and llhttp number them. */
export const REQUEST = 1;
export const RESPONSE = 2;

/** One connection's parser. */
export class Parser {
  readonly head = new MessageHead();
  headBytes = 0;
  /** As many of them are taken from the budget. */
  countedBytes = 0;
  extensionBytes = 0;
  /** Headers that the next request may have; 0: any number. */
  maxHeaders = 0;
  /** As it was when the present one began. */
  #allowedHeaders = 0;
  /** Of its head, or of its trailers. */
  headerCount = 0;
  /** A part of a head was handed over before its end; Node then never goes back to the fast way. */
  flushed = false;
  headCompleted = false;
  messageOpen = false;
  /** No header of the present message was read yet. */
  atFirstHeader = false;
  /** The last byte of the chunk before. */
  lastByte = 0;
  /** Why it refuses everything from now on, which llhttp does not know. */
  failure: { readonly code: string; readonly reason: string } | null = null;
  /** The rest of a chunk has yet to come. */
  unfinished = false;
  /** It was paused meanwhile. */
  pausePending = false;
  /** In llhttp's memory. */
  readonly address: number;
  readonly type: number;
  readonly lenientFlags: number;
  /** Bytes that a head may have. */
  readonly maxHeadBytes: number;

  constructor(address: number, type: number, lenientFlags: number, maxHeadBytes: number) {
    this.address = address;
    this.type = type;
    this.lenientFlags = lenientFlags;
    this.maxHeadBytes = maxHeadBytes;
  }

  /** A message begins. */
  begin(): void {
    this.messageOpen = true;
    this.headCompleted = false;
    this.atFirstHeader = true;
    this.headerCount = 0;
    this.#allowedHeaders = this.type === REQUEST ? this.maxHeaders : 0;
    this.head.reset();
  }

  /** Counts the header to which a piece of a name belongs. */
  hasTooManyHeaders(): boolean {
    if (!this.head.isInName) this.headerCount += 1;
    return this.#allowedHeaders > 0 && this.headerCount > this.#allowedHeaders;
  }
}
