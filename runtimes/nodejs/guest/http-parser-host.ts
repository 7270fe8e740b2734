/** What the HTTP parser of the guest and its surroundings are to each other. Types only. */

/**
 * What happened in a chunk: `[time, parsed, chunk, …events]`. `time` is the host's clock in ms,
 * `parsed` the bytes consumed, `chunk` its bytes where Node's library may ask for them (`null`
 * elsewhere). Each event is its kind and its operands, one after the other.
 */
export type ParserEvents = unknown[];

/** What the host must offer. Parsers are known by a positive number. */
export interface HttpParserHost {
  /**
   * Makes the parser `id` new, or another one if it is 0, and returns its number.
   * @param type 1: requests, 2: responses
   * @param maxHeaderSize bytes of a head, 0 for the default
   * @param lenientFlags `HTTPParser.kLenient…`
   * @param maxHeaders as `parserMaxHeaders`
   */
  parserInitialize(
    id: number,
    type: number,
    maxHeaderSize: number,
    lenientFlags: number,
    maxHeaders: number,
  ): number;
  /** How many headers, or trailers, the requests may have that begin from now on; 0: any number. */
  parserMaxHeaders(id: number, count: number): void;
  /** Parses. With `ask`, every head ends the list: what it brings depends on the guest's answer. */
  parserExecute(id: number, bytes: Uint8Array, ask: boolean): ParserEvents;
  /**
   * Parses the rest of a chunk whose list ended with UNFINISHED.
   * @param offset the list's `parsed`
   * @param answer what `kOnHeadersComplete` returned: 0, 1 (there is no body), 2 (nor HTTP after it)
   */
  parserContinue(id: number, bytes: Uint8Array, offset: number, answer: number, ask: boolean): ParserEvents;
  /** The connection has ended. */
  parserFinish(id: number): ParserEvents;
  parserPause(id: number): void;
  parserResume(id: number): void;
  /** From now on the parser refuses everything with this error: a callback has thrown. */
  parserFail(id: number, code: string, reason: string): void;
  parserFree(id: number): void;
  /** The host's clock, in ms. */
  parserNow(): number;
}

/** What the binding needs of the other bindings of the guest. */
export interface HttpParserRealm {
  /** Node's base class of everything with an asynchronous id; never called here, only inherited from. */
  readonly AsyncWrap: new () => object;
  /** Gives the parser a new asynchronous id and takes over the context that is current now. */
  asyncReset(parser: object, resource: object, provider: string): void;
  /** Tells `destroy` to asynchronous hooks. */
  asyncDestroy(parser: object): void;
  /** Enters the asynchronous context of the parser. */
  enter(parser: object): void;
  /**
   * Leaves it; at the outermost level the queues of ticks and microtasks are emptied.
   * @param hasThrown - what nobody has caught: then they are not
   */
  leave(parser: object, hasThrown?: boolean): void;
  /** Gives an error to the handlers of those nobody catches; false where somebody further out may catch it. */
  takeError(error: unknown): boolean;
  /** A Buffer on these bytes. */
  newBuffer(memory: ArrayBufferLike, offset: number, length: number): Uint8Array;
}

/** A stream whose bytes a parser can take directly: TCP, pipe and TLS handles. */
export interface ConsumableStream {
  /**
   * From now on, what is read goes to this parser's `onStreamRead` instead of `onread`, errors and the
   * end excepted; `null`: to `onread` again. If `parserId()` is not 0, the host best gives each chunk
   * to `HttpParsers.read` and only the list crosses over to the guest, in place of the bytes.
   */
  consumedBy(parser: StreamConsumer | null): void;
}

export interface StreamConsumer {
  parserId(): number;
  /** Either the host's list or the bytes themselves. */
  onStreamRead(read: ParserEvents | Uint8Array): void;
  /** The stream has ended or failed; whether nobody else is to be told. */
  onStreamError?(status: number): boolean;
}

/** What a server knows of a connection. */
export interface Connection<Parser> {
  readonly parser: Parser;
  /** When its message began, or it itself, in the host's ms; 0: it is between messages; Infinity: told. */
  since: number;
  /** How far its message is. */
  phase: number;
}
