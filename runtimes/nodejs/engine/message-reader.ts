/** Reads messages with llhttp and lists what it finds, as `guest/http-parser-host.ts` says. */
import type { ParserEvents } from '../guest/http-parser-host.ts';
import {
  BODY,
  BODY_BYTES,
  HEADERS,
  KEEP_ALIVE,
  MESSAGE_BEGIN,
  MESSAGE_COMPLETE,
  PARSE_ERROR,
  REQUEST_HEAD,
  RESPONSE_HEAD,
  UNFINISHED,
  UPGRADE,
} from '../guest/http-parser-events.ts';
import { connectionFlags } from './connection-header.ts';
import type { Latin1 } from './message-head.ts';
import { type Parser, REQUEST, RESPONSE } from './parser.ts';
import { Llhttp, LLHTTP_ERRNO, LLHTTP_FLAG, type LlhttpCallbacks } from './llhttp.ts';

/** Bits of `HTTPParser.kLenient…`. */
const LENIENT_OPTIONAL_LF_AFTER_CR = 1 << 6;
const LENIENT_HEADER_VALUE_RELAXED = 1 << 10;

/** Bytes that llhttp is given at once; libuv reads no more from a socket (`alloc_cb` in its stream.c). */
const WINDOW = 64 * 1024;

/** A list longer than this is handed over before the rest of the chunk is parsed. */
const MAX_EVENTS = 64 * 1024;

/** Bytes of extensions that a chunk may have (`kMaxChunkExtensionsSize` in src/node_http_parser.cc). */
const MAX_CHUNK_EXTENSIONS = 16 * 1024;

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SWITCHING_PROTOCOLS = 101;
const NOT_MODIFIED = 304;
/** Status codes below are those of interim responses (RFC 9110, 15.2). */
const FIRST_FINAL_STATUS = 200;

/** Where an octet may stand that is a letter of no syntax but a header's value (obs-text, RFC 9110, 5.5). */
const OBS_TEXT = 0x80;

/** For each byte what llhttp is given in its place if control characters are welcome in values. */
const RELAXED = Uint8Array.from({ length: 256 }, (_, byte) => {
  const isControl = byte < 0x20 || byte === 0x7f;
  return isControl && ![0, TAB, LINE_FEED, CARRIAGE_RETURN].includes(byte) ? OBS_TEXT : byte;
});

/** `latin1Slice` is what `toString('latin1')` calls, and much faster on the few bytes of a name. */
type Latin1Buffer = Buffer & { latin1Slice(start: number, end: number): string };

export class MessageReader implements LlhttpCallbacks {
  readonly llhttp: Llhttp;
  /** In llhttp's memory: what it is given to parse. */
  readonly #window: number;

  #parser!: Parser;
  #events: ParserEvents = [];
  /** Where the list has its last body. */
  #bodyAt = 0;
  /** Whether each head ends the list. */
  #ask = false;
  /** A head has ended it. */
  #asked = false;
  /** The chunk whose bodies go into the list themselves; null: the guest has the chunk. */
  #chunk: Uint8Array | null = null;
  /** An address in llhttp's memory less this is an offset in the chunk. */
  #base = 0;
  /** What heads are decoded from, and the offset in the chunk at which it begins. */
  #text!: Latin1Buffer;
  #textStart = 0;
  #windowText: Latin1Buffer;
  readonly #latin1: Latin1 = (start, end) =>
    this.#text.latin1Slice(start - this.#textStart, end - this.#textStart);

  constructor(module: WebAssembly.Module) {
    this.llhttp = new Llhttp(module, this);
    this.#window = this.llhttp.exports.malloc(WINDOW);
    this.#windowText = this.#mapWindow();
  }

  /**
   * Parses a chunk from `offset` on.
   * @param ask end the list at each head, for the guest's answer
   * @param withBodies put bodies into the list instead of their offsets; then the list is complete
   */
  read(parser: Parser, bytes: Uint8Array, offset: number, ask: boolean, withBodies: boolean): ParserEvents {
    const { exports } = this.llhttp;
    const maxEvents = withBodies ? Infinity : MAX_EVENTS;
    const events = this.#start(parser, ask, withBodies ? bytes : null);
    if (this.#refuses(parser, offset)) return events;
    let at = offset;
    do {
      const length = Math.min(bytes.length - at, WINDOW);
      this.#fill(bytes, at, length);
      const errno = exports.llhttp_execute(parser.address, this.#window, length);
      parser.head.keep(this.#latin1);
      if (errno !== 0) {
        this.#stop(errno, exports.llhttp_get_error_pos(parser.address) - this.#base);
        return events;
      }
      at += length;
      if (length > 0) parser.lastByte = bytes[at - 1]!;
    } while (at < bytes.length && events.length < maxEvents);
    events[1] = at;
    if (at < bytes.length) {
      this.#leaveUnfinished(parser);
    } else if (parser.pausePending) {
      parser.pausePending = false;
      exports.llhttp_pause(parser.address);
    }
    return events;
  }

  /** The connection has ended. */
  finish(parser: Parser): ParserEvents {
    const events = this.#start(parser, false, null);
    if (parser.failure === null) {
      const errno = this.llhttp.exports.llhttp_finish(parser.address);
      if (errno !== 0) this.#stop(errno, 0);
    }
    return events;
  }

  /** Goes on after a head, with what the guest answered to it: see `on_headers_complete` in llhttp.h. */
  resume(parser: Parser, answer: number): void {
    const { exports } = this.llhttp;
    if (exports.llhttp_get_errno(parser.address) !== LLHTTP_ERRNO.paused) return;
    if (answer === LLHTTP_ERRNO.paused) return;
    exports.llhttp_resume(parser.address);
    if (answer === 1 || answer === 2) this.llhttp.raise(parser.address, LLHTTP_FLAG.skipBody);
    if (answer === 2) this.llhttp.setUpgrade(parser.address);
    if (answer < 0 || answer > 2) {
      parser.failure = { code: 'HPE_CB_HEADERS_COMPLETE', reason: 'User callback error' };
    }
  }

  messageBeginOrChunkHeader(): number {
    const parser = this.#parser;
    parser.extensionBytes = 0;
    if (parser.messageOpen) {
      parser.headBytes = 0;
      return 0;
    }
    parser.begin();
    this.#events.push(MESSAGE_BEGIN);
    return 0;
  }

  urlOrChunkExtension(address: number, length: number): number {
    const parser = this.#parser;
    if (!parser.headCompleted) return this.status(address, length);
    parser.extensionBytes += length;
    if (parser.extensionBytes <= MAX_CHUNK_EXTENSIONS) return 0;
    return fail(parser, 'HPE_CHUNK_EXTENSIONS_OVERFLOW', 'Chunk extensions overflow');
  }

  status(address: number, length: number): number {
    const parser = this.#parser;
    const start = address - this.#base;
    if (isTooLong(parser, length)) return LLHTTP_ERRNO.user;
    parser.head.addLine(start, start + length, this.#latin1);
    return 0;
  }

  headerField(address: number, length: number): number {
    const parser = this.#parser;
    const start = address - this.#base;
    if (isTooLong(parser, length)) return LLHTTP_ERRNO.user;
    if (parser.atFirstHeader) {
      parser.atFirstHeader = false;
      if (this.#lacksLineFeed(address)) return fail(parser, 'HPE_STRICT', 'Expected LF after CR');
    }
    if (parser.hasTooManyHeaders()) return overflow(parser);
    if (parser.head.addName(start, start + length, this.#latin1)) return 0;
    this.#flush();
    parser.head.addName(start, start + length, this.#latin1);
    return 0;
  }

  headerValue(address: number, length: number): number {
    const parser = this.#parser;
    const start = address - this.#base;
    if (isTooLong(parser, length)) return LLHTTP_ERRNO.user;
    const isFirstPiece = parser.head.addValue(start, start + length, this.#latin1);
    if (length > 0 || !isFirstPiece || !this.#isEmptyEncoding(address)) return 0;
    return fail(parser, 'HPE_INVALID_TRANSFER_ENCODING', 'Empty Transfer-Encoding');
  }

  headersComplete(): number {
    const parser = this.#parser;
    const { exports } = this.llhttp;
    const { address } = parser;
    parser.headCompleted = true;
    parser.headBytes = 0;
    parser.headerCount = 0;
    if (parser.flushed) this.#flush();
    const headers = parser.flushed ? null : this.#takeHeaders();
    const upgrades = this.#upgrades(parser);
    const version = exports.llhttp_get_http_major(address) * 10 + exports.llhttp_get_http_minor(address);
    const flags =
      (upgrades ? UPGRADE : 0) | (exports.llhttp_should_keep_alive(address) === 0 ? 0 : KEEP_ALIVE);
    let ask = this.#ask;
    if (parser.type === REQUEST) {
      const url = parser.flushed ? null : parser.head.line(this.#latin1);
      this.#events.push(REQUEST_HEAD, version, flags, exports.llhttp_get_method(address), url, headers);
    } else {
      const status = exports.llhttp_get_status_code(address);
      const reason = parser.head.line(this.#latin1);
      this.#events.push(RESPONSE_HEAD, version, flags, status, reason, headers);
      // Node's client answers these by another number than 0.
      ask ||= upgrades || status < FIRST_FINAL_STATUS || status === NOT_MODIFIED;
    }
    this.#asked = ask;
    return ask ? LLHTTP_ERRNO.paused : 0;
  }

  body(address: number, length: number): number {
    if (length === 0) return 0;
    const events = this.#events;
    const start = address - this.#base;
    if (this.#chunk !== null) {
      events.push(BODY_BYTES, this.#chunk.subarray(start, start + length));
    } else if (this.#bodyAt === events.length - 3 && events[events.length - 1] === start) {
      events[events.length - 1] = start + length;
    } else {
      this.#bodyAt = events.length;
      events.push(BODY, start, start + length);
    }
    return 0;
  }

  messageComplete(): number {
    const parser = this.#parser;
    parser.messageOpen = false;
    parser.headBytes = 0;
    if (parser.head.hasHeaders) this.#flush();
    parser.head.clearLine();
    this.#events.push(MESSAGE_COMPLETE);
    return 0;
  }

  #start(parser: Parser, ask: boolean, chunk: Uint8Array | null): ParserEvents {
    this.#parser = parser;
    this.#ask = ask;
    this.#asked = false;
    this.#bodyAt = 0;
    this.#chunk = chunk;
    this.#events = [performance.now(), 0, null];
    return this.#events;
  }

  /** Whether nothing more is parsed because of what was before; then the list says so. */
  #refuses(parser: Parser, offset: number): boolean {
    const errno = this.llhttp.exports.llhttp_get_errno(parser.address);
    if (errno === 0 && parser.failure === null) return false;
    this.#stop(errno === 0 ? LLHTTP_ERRNO.user : errno, offset);
    return true;
  }

  /** Ends the list after llhttp has stopped at an offset. */
  #stop(errno: number, parsed: number): void {
    const parser = this.#parser;
    const { exports } = this.llhttp;
    this.#events[1] = parsed;
    if (errno === LLHTTP_ERRNO.pausedUpgrade) {
      exports.llhttp_resume_after_upgrade(parser.address);
    } else if (errno === LLHTTP_ERRNO.paused && this.#asked) {
      this.#leaveUnfinished(parser);
    } else if (exports.llhttp_get_upgrade(parser.address) === 0) {
      // Of a message that upgrades Node tells no error, here neither.
      const code = parser.failure?.code ?? this.llhttp.text(exports.llhttp_errno_name(errno));
      const reason =
        parser.failure?.reason ?? this.llhttp.text(exports.llhttp_get_error_reason(parser.address));
      this.#events.push(PARSE_ERROR, code, reason);
    }
    if (this.#chunk !== null) this.#events[2] = this.#chunk;
  }

  #leaveUnfinished(parser: Parser): void {
    parser.unfinished = true;
    this.#events.push(UNFINISHED);
  }

  /** Hands over headers before the end of a head, or the trailers of a message. */
  #flush(): void {
    const parser = this.#parser;
    const url = parser.type === REQUEST ? parser.head.line(this.#latin1) : '';
    this.#events.push(HEADERS, this.#takeHeaders(), url);
    if (parser.type === REQUEST) parser.head.clearLine();
    parser.flushed = true;
  }

  #takeHeaders(): string[] {
    const parser = this.#parser;
    const headers = parser.head.takeHeaders(this.#latin1);
    const flags = connectionFlags(headers);
    if (flags !== 0) this.llhttp.raise(parser.address, flags);
    return headers;
  }

  /** As llhttp decides it before a head's end, but with the flags that this file has raised. */
  #upgrades(parser: Parser): boolean {
    const { llhttp } = this;
    const { address } = parser;
    if (llhttp.exports.llhttp_get_upgrade(address) !== 0) return true;
    if (!llhttp.hasFlags(address, LLHTTP_FLAG.upgrade | LLHTTP_FLAG.connectionUpgrade)) return false;
    const upgrades =
      parser.type === REQUEST || llhttp.exports.llhttp_get_status_code(address) === SWITCHING_PROTOCOLS;
    if (upgrades) llhttp.setUpgrade(address);
    return upgrades;
  }

  /** Whether the status line lacks its LF, which llhttp 9.3 does not mind. */
  #lacksLineFeed(address: number): boolean {
    const { lenientFlags, type } = this.#parser;
    if (type !== RESPONSE || (lenientFlags & LENIENT_OPTIONAL_LF_AFTER_CR) !== 0) return false;
    return this.#byteBefore(address) === CARRIAGE_RETURN;
  }

  /**
   * Whether the empty value here is a `Transfer-Encoding`, which llhttp 9.3 ignores: then others could
   * see another body. llhttp tells of an empty value behind its line, of an unfit one before its first byte.
   */
  #isEmptyEncoding(address: number): boolean {
    const before = this.#byteBefore(address);
    if (before !== LINE_FEED && before !== CARRIAGE_RETURN) return false;
    return this.#parser.head.lastName(this.#latin1).toLowerCase() === 'transfer-encoding';
  }

  #byteBefore(address: number): number {
    return address > this.#window ? this.llhttp.heap[address - 1]! : this.#parser.lastByte;
  }

  /** Puts the part of a chunk into llhttp's memory that it is to parse next. */
  #fill(bytes: Uint8Array, at: number, length: number): void {
    const { heap } = this.llhttp;
    const part = length === bytes.length ? bytes : bytes.subarray(at, at + length);
    heap.set(part, this.#window);
    this.#base = this.#window - at;
    this.#textStart = at;
    if (this.#windowText.buffer !== heap.buffer) this.#windowText = this.#mapWindow();
    this.#text = this.#windowText;
    if ((this.#parser.lenientFlags & LENIENT_HEADER_VALUE_RELAXED) === 0) return;
    // llhttp 9.3 has no such flag: it is given harmless letters, and the texts come from the chunk.
    for (let i = 0; i < length; i++) heap[this.#window + i] = RELAXED[part[i]!]!;
    this.#text = Buffer.from(part.buffer, part.byteOffset, part.length) as Latin1Buffer;
  }

  #mapWindow(): Latin1Buffer {
    return Buffer.from(this.llhttp.heap.buffer, this.#window, WINDOW) as Latin1Buffer;
  }
}

/** Counts bytes of a head; too many are the parser's failure. */
function isTooLong(parser: Parser, length: number): boolean {
  parser.headBytes += length;
  if (parser.headBytes < parser.maxHeadBytes) return false;
  overflow(parser);
  return true;
}

const overflow = (parser: Parser): number => fail(parser, 'HPE_HEADER_OVERFLOW', 'Header overflow');

function fail(parser: Parser, code: string, reason: string): number {
  parser.failure = { code, reason };
  return LLHTTP_ERRNO.user;
}
