/**
 * `internalBinding('http_parser')` inside the guest. The bytes are parsed by the host (llhttp, in
 * `engine/http-parser.ts`); what it found in a chunk arrives as one list, and is told here to the
 * callbacks that Node's `_http_common.js` puts on a parser, in the same order as Node's own binding.
 *
 * This file runs in a bytecode interpreter: a request costs no closure, no spread, no regular
 * expression. It imports nothing but types and numbers and uses no global of Node or of a browser.
 */
import {
  ALL_METHODS,
  CONSTANTS,
  ON_BODY,
  ON_EXECUTE,
  ON_HEADERS,
  ON_HEADERS_COMPLETE,
  ON_MESSAGE_BEGIN,
  ON_MESSAGE_COMPLETE,
  REQUEST,
} from './http-parser-constants.ts';
import { failureOf, parseError } from './http-parse-error.ts';
import {
  BODY,
  BODY_BYTES,
  FIRST_EVENT,
  HEADERS,
  KEEP_ALIVE,
  MESSAGE_BEGIN,
  MESSAGE_COMPLETE,
  PARSE_ERROR,
  REQUEST_HEAD,
  RESPONSE_HEAD,
  UNFINISHED,
  UPGRADE,
} from './http-parser-events.ts';
import type {
  Connection,
  ConsumableStream,
  HttpParserHost,
  HttpParserRealm,
  ParserEvents,
  StreamConsumer,
} from './http-parser-host.ts';

/** Phases of a connection. */
const BETWEEN_MESSAGES = 0;
const IN_HEAD = 1;
const IN_BODY = 2;
/** In place of when a message began: it took too long, which is reported once. */
const EXPIRED = Infinity;

let host: HttpParserHost;
let realm: HttpParserRealm;

/** All parsers of a server, for its timeouts and for `closeIdleConnections`. */
class ConnectionsList {
  readonly #connections = new Set<Connection<HTTPParser>>();

  static of(list: ConnectionsList): Set<Connection<HTTPParser>> {
    return list.#connections;
  }

  all(): HTTPParser[] {
    return this.#select(() => true);
  }

  idle(): HTTPParser[] {
    return this.#select(({ phase }) => phase === BETWEEN_MESSAGES);
  }

  active(): HTTPParser[] {
    return this.#select(({ since }) => since !== 0 && since !== EXPIRED);
  }

  /** Those whose head or whole request takes longer than this, in ms; 0: no limit. */
  expired(headersTimeout: number, requestTimeout: number): HTTPParser[] {
    const headers = requestTimeout > 0 ? Math.min(headersTimeout, requestTimeout) : headersTimeout;
    const request = requestTimeout > 0 ? Math.max(headersTimeout, requestTimeout) : 0;
    const now = host.parserNow();
    return this.#select((connection) => {
      if (connection.since === 0) return false;
      const age = now - connection.since;
      const isLate =
        (headers > 0 && connection.phase !== IN_BODY && age > headers) || (request > 0 && age > request);
      if (isLate) connection.since = EXPIRED;
      return isLate;
    });
  }

  /** Those between messages first, then the oldest message first. */
  #select(test: (connection: Connection<HTTPParser>) => boolean): HTTPParser[] {
    return [...this.#connections]
      .filter(test)
      .sort((one, other) => one.since - other.since)
      .map(({ parser }) => parser);
  }
}

class HTTPParser implements StreamConsumer {
  /** Set by Node's library: the callbacks, by their `kOn…` number. */
  [callback: number]: unknown;
  /** Set by Node's library on the parsers it uses itself. */
  declare onIncoming?: unknown;
  /** The client's request that a response answers, set by Node's library. */
  declare outgoing?: { method?: string } | null;

  #id = 0;
  #type = REQUEST;
  #maxHeaderPairs: unknown;
  /** As the host knows it. */
  #maxHeaders = 0;
  /** Counts up whenever the parser gets another connection or none: then nothing more is told. */
  #life = 0;
  #connections: Set<Connection<HTTPParser>> | null = null;
  #connection: Connection<HTTPParser> | null = null;
  #stream: ConsumableStream | null = null;
  #chunk: Uint8Array | null = null;

  get maxHeaderPairs(): unknown {
    return this.#maxHeaderPairs;
  }

  /** Names and values together, set by Node's library; Node's own parser looks when a message begins. */
  set maxHeaderPairs(pairs: unknown) {
    this.#maxHeaderPairs = pairs;
    const maxHeaders = typeof pairs === 'number' && pairs > 0 ? pairs / 2 : 0;
    if (maxHeaders === this.#maxHeaders) return;
    this.#maxHeaders = maxHeaders;
    if (this.#id !== 0) host.parserMaxHeaders(this.#id, maxHeaders);
  }

  initialize(
    type: number,
    resource: object,
    maxHeaderSize = 0,
    lenientFlags = 0,
    list: ConnectionsList | null = null,
  ): void {
    this.remove();
    this.#life += 1;
    this.#id = host.parserInitialize(this.#id, type, maxHeaderSize, lenientFlags, this.#maxHeaders);
    this.#type = type;
    this.#connections = null;
    this.#connection = null;
    if (list !== null) {
      // A connection that sends nothing at all must expire, too.
      this.#connection = { parser: this, since: host.parserNow(), phase: BETWEEN_MESSAGES };
      this.#connections = ConnectionsList.of(list).add(this.#connection);
    }
    realm.asyncReset(this, resource, type === REQUEST ? 'HTTPINCOMINGMESSAGE' : 'HTTPCLIENTREQUEST');
  }

  /** Parses; returns the bytes consumed, or the parse error. Throws what a callback throws. */
  execute(bytes: Uint8Array): unknown {
    this.#chunk = bytes;
    return this.#tellInContext(host.parserExecute(this.#id, bytes, this.#asks()), bytes);
  }

  finish(): Error | undefined {
    const result = this.#tellInContext(host.parserFinish(this.#id), null);
    return typeof result === 'number' ? undefined : (result as Error);
  }

  pause(): void {
    host.parserPause(this.#id);
  }

  resume(): void {
    host.parserResume(this.#id);
  }

  consume(stream: ConsumableStream): void {
    this.#stream = stream;
    stream.consumedBy(this);
  }

  unconsume(): void {
    if (this.#stream !== null) this.#stream.consumedBy(null);
    this.#stream = null;
  }

  /** A copy of the chunk that is being parsed; in `kOnExecute`, of one that ended in an error or upgrade. */
  getCurrentBuffer(): Uint8Array {
    const chunk = this.#chunk;
    return chunk === null ? realm.newBuffer(new ArrayBuffer(0), 0, 0) : copyOf(chunk, 0, chunk.length);
  }

  remove(): void {
    if (this.#connection !== null) this.#connections!.delete(this.#connection);
  }

  /** Back to the free list of Node's library. */
  free(): void {
    this.#life += 1;
    realm.asyncDestroy(this);
  }

  close(): void {
    this.#life += 1;
    this.remove();
    if (this.#id !== 0) host.parserFree(this.#id);
    this.#id = 0;
  }

  /** The host's number of this parser if the host may parse on its own, else 0. */
  parserId(): number {
    return this.#type !== REQUEST || this.#asks() ? 0 : this.#id;
  }

  /** Tells what a stream has brought: the events in it if the host has parsed it already, or else bytes. */
  onStreamRead(read: ParserEvents | Uint8Array): void {
    const life = this.#life;
    let hasThrown = true;
    realm.enter(this);
    try {
      const isParsed = Array.isArray(read);
      const result = isParsed ? this.#tell(read, null) : this.execute(read);
      if (this.#life === life && typeof this[ON_EXECUTE] === 'function') {
        this.#chunk = isParsed ? (read[2] as Uint8Array | null) : read;
        this[ON_EXECUTE](result);
      }
      hasThrown = false;
    } catch (error) {
      // The call came from outside: the library decides about what no callback has caught.
      if (!realm.takeError(error)) throw error;
    } finally {
      if (this.#life === life) this.#chunk = null;
      realm.leave(this, hasThrown);
    }
  }

  /**
   * Whether the answer to a head must be known before the host goes on. Node's server always answers
   * 0, its client does so but for HEAD, CONNECT and what the host recognizes itself; of the callbacks
   * of others nothing is known.
   */
  #asks(): boolean {
    if (typeof this.onIncoming !== 'function') return true;
    if (this.#type === REQUEST) return false;
    const method = this.outgoing?.method;
    return method === undefined || method === 'HEAD' || method === 'CONNECT';
  }

  #tellInContext(events: ParserEvents, bytes: Uint8Array | null): unknown {
    realm.enter(this);
    try {
      return this.#tell(events, bytes);
    } finally {
      this.#chunk = null;
      realm.leave(this);
    }
  }

  /** Calls the callbacks. Returns the bytes consumed, or the parse error. */
  #tell(events: ParserEvents, bytes: Uint8Array | null): unknown {
    const life = this.#life;
    let list = events;
    let at = FIRST_EVENT;
    let answer = 0;
    try {
      while (at < list.length && this.#life === life) {
        switch (list[at]) {
          case MESSAGE_BEGIN:
            this.#reach(IN_HEAD, list[0] as number);
            if (typeof this[ON_MESSAGE_BEGIN] === 'function') this[ON_MESSAGE_BEGIN]();
            at += 1;
            break;
          case REQUEST_HEAD:
          case RESPONSE_HEAD:
            answer = this.#head(list, at);
            at += 6;
            if (answer === 0 || list[at] === UNFINISHED || this.#life !== life) break;
            return this.#fail(REQUEST_HEAD, list[1]);
          case MESSAGE_COMPLETE:
            this.#reach(BETWEEN_MESSAGES, 0);
            if (typeof this[ON_MESSAGE_COMPLETE] === 'function') this[ON_MESSAGE_COMPLETE]();
            at += 1;
            break;
          case UNFINISHED:
            list = host.parserContinue(this.#id, bytes!, list[1] as number, answer, this.#asks());
            at = FIRST_EVENT;
            answer = 0;
            break;
          case PARSE_ERROR:
            return parseError(list[1], list[at + 1], list[at + 2]);
          default:
            this.#content(list, at, bytes);
            at += list[at] === BODY_BYTES ? 2 : 3;
        }
      }
    } catch (error) {
      if (this.#life === life) this.#fail(list[at], list[1]);
      throw error;
    }
    return list[1];
  }

  #reach(phase: number, since: number): void {
    if (this.#connection === null) return;
    this.#connection.phase = phase;
    this.#connection.since = since;
  }

  /** Returns what the callback answers, as the C integer that Node makes of it. */
  #head(list: ParserEvents, at: number): number {
    if (this.#connection !== null) this.#connection.phase = IN_BODY;
    if (typeof this[ON_HEADERS_COMPLETE] !== 'function') return 0;
    const version = list[at + 1] as number;
    const flags = list[at + 2] as number;
    const isRequest = list[at] === REQUEST_HEAD;
    return (
      this[ON_HEADERS_COMPLETE](
        (version / 10) | 0,
        version % 10,
        list[at + 5] ?? undefined,
        isRequest ? list[at + 3] : undefined,
        isRequest ? (list[at + 4] ?? undefined) : undefined,
        isRequest ? undefined : list[at + 3],
        isRequest ? undefined : list[at + 4],
        (flags & UPGRADE) !== 0,
        (flags & KEEP_ALIVE) !== 0,
      ) | 0
    );
  }

  #content(list: ParserEvents, at: number, bytes: Uint8Array | null): void {
    if (list[at] === HEADERS) {
      if (typeof this[ON_HEADERS] === 'function') this[ON_HEADERS](list[at + 1], list[at + 2]);
      return;
    }
    if (typeof this[ON_BODY] !== 'function') return;
    if (list[at] === BODY) {
      this[ON_BODY](copyOf(bytes!, list[at + 1] as number, list[at + 2] as number));
      return;
    }
    const body = list[at + 1] as Uint8Array;
    this[ON_BODY](realm.newBuffer(body.buffer, body.byteOffset, body.length));
    // Node empties the queues after each piece of a body that a stream brings.
    realm.leave(this);
    realm.enter(this);
  }

  /** As llhttp after a callback that failed: it refuses everything with the error returned. */
  #fail(kind: unknown, parsed: unknown): Error {
    const { code, reason } = failureOf(kind);
    host.parserFail(this.#id, code, reason);
    return parseError(parsed, code, reason);
  }
}

const copyOf = (bytes: Uint8Array, start: number, end: number): Uint8Array =>
  realm.newBuffer(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + end), 0, end - start);

/** The binding as Node's library sees it. There is one for each guest, as in Node. */
export function createHttpParserBinding(hostFunctions: HttpParserHost, guestRealm: HttpParserRealm) {
  host = hostFunctions;
  realm = guestRealm;
  Object.setPrototypeOf(HTTPParser, realm.AsyncWrap);
  Object.setPrototypeOf(HTTPParser.prototype, realm.AsyncWrap.prototype as object);
  return {
    HTTPParser: Object.assign(HTTPParser, CONSTANTS),
    ConnectionsList,
    methods: [...ALL_METHODS.slice(0, ALL_METHODS.indexOf('PRI')), 'QUERY'],
    allMethods: ALL_METHODS,
  };
}
