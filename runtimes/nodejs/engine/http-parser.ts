/**
 * The host's half of `internalBinding('http_parser')`: HTTP/1 is parsed here, by llhttp, and the
 * guest is told by one list what was found in a chunk (`guest/http-parser-host.ts` says how it is laid out).
 *
 * It behaves as Node's src/node_http_parser.cc. The llhttp at hand (9.3.1, from undici) is older than
 * Node's own (9.4.3), and differs in five points. Four are made up for in `message-reader.ts`: control
 * characters in values (`kLenientHeaderValueRelaxed`), tabs in `Connection`, an empty
 * `Transfer-Encoding`, and a status line without LF at its end. The fifth remains: a tab after the
 * number of `Content-Length` is refused.
 */
import type { HttpParserHost, ParserEvents } from '../guest/http-parser-host.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { MessageReader } from './message-reader.ts';
import { Parser, REQUEST, RESPONSE } from './parser.ts';

/** The default of Node's `--max-http-header-size`, bytes. */
const DEFAULT_HEAD = 16 * 1024;

/** More than this is kept of no head, whatever the guest asks for, bytes. */
const MAX_HEAD = 16 * 1024 * 1024;

/** As many as a process can have descriptors (`/proc/sys/fs/nr_open`): each costs memory of the host. */
const MAX_PARSERS = 2 ** 20;

export interface HttpParsersOptions {
  /** Bytes of a head where the guest does not say: Node's `--max-http-header-size`. */
  readonly maxHeaderSize?: number;
  /** For heads that have not come to their end. */
  readonly budget?: MemoryBudget;
}

/**
 * All HTTP parsers of a guest, on one instance of llhttp. Its methods are what the guest calls
 * ({@link HttpParserHost}), but for {@link HttpParsers.read}, which the engine calls for a stream that
 * a parser has consumed. All of them throw a RangeError for what is no parser.
 */
export class HttpParsers implements HttpParserHost {
  readonly #reader: MessageReader;
  readonly #maxHeaderSize: number;
  readonly #budget: MemoryBudget | undefined;
  /** By number; 0 is none. */
  readonly #parsers: (Parser | undefined)[] = [undefined];
  readonly #freeIds: number[] = [];

  /** @param module from `compileLlhttp` */
  constructor(module: WebAssembly.Module, { maxHeaderSize = DEFAULT_HEAD, budget }: HttpParsersOptions = {}) {
    this.#budget = budget;
    this.#reader = new MessageReader(module);
    this.#maxHeaderSize = maxHeaderSize;
  }

  /** How many there are. */
  get size(): number {
    return this.#parsers.length - 1 - this.#freeIds.length;
  }

  parserInitialize(
    id: number,
    type: number,
    maxHeaderSize: number,
    lenientFlags: number,
    maxHeaders: number,
  ): number {
    if (type !== REQUEST && type !== RESPONSE) throw new RangeError(`no such type of HTTP parser: ${type}`);
    const address = id === 0 ? 0 : this.#get(id).address;
    const given = id === 0 ? this.#newId() : id;
    const maxHeadBytes = Math.min(maxHeaderSize > 0 ? maxHeaderSize : this.#maxHeaderSize, MAX_HEAD);
    const made = this.#reader.llhttp.initialize(address, type, lenientFlags);
    if (id !== 0) this.#budget?.give(this.#get(id).countedBytes);
    this.#parsers[given] = new Parser(made, type, lenientFlags, maxHeadBytes);
    this.parserMaxHeaders(given, maxHeaders);
    return given;
  }

  parserMaxHeaders(id: number, count: number): void {
    this.#get(id).maxHeaders = count;
  }

  parserExecute(id: number, bytes: Uint8Array, ask: boolean): ParserEvents {
    const parser = this.#get(id);
    parser.unfinished = false;
    return this.#counted(parser, this.#reader.read(parser, bytes, 0, ask, false));
  }

  parserContinue(id: number, bytes: Uint8Array, offset: number, answer: number, ask: boolean): ParserEvents {
    const parser = this.#get(id);
    if (!parser.unfinished) throw new RangeError(`HTTP parser ${id} has nothing to go on with`);
    parser.unfinished = false;
    this.#reader.resume(parser, answer);
    const start = Math.min(offset >>> 0, bytes.length);
    return this.#counted(parser, this.#reader.read(parser, bytes, start, ask, false));
  }

  /**
   * Parses what was read from a stream that a parser has consumed. The list is all that the guest's
   * `onStreamRead` needs: it holds the bodies, too, as views of the chunk.
   */
  read(id: number, chunk: Uint8Array): ParserEvents {
    const parser = this.#get(id);
    return this.#counted(parser, this.#reader.read(parser, chunk, 0, false, true));
  }

  parserFinish(id: number): ParserEvents {
    return this.#reader.finish(this.#get(id));
  }

  parserPause(id: number): void {
    const parser = this.#get(id);
    if (parser.unfinished) parser.pausePending = true;
    else this.#reader.llhttp.exports.llhttp_pause(parser.address);
  }

  parserResume(id: number): void {
    const parser = this.#get(id);
    if (parser.unfinished) parser.pausePending = false;
    else this.#reader.llhttp.exports.llhttp_resume(parser.address);
  }

  parserFail(id: number, code: string, reason: string): void {
    this.#get(id).failure ??= { code, reason };
  }

  parserFree(id: number): void {
    const parser = this.#get(id);
    this.#reader.llhttp.exports.llhttp_free(parser.address);
    this.#budget?.give(parser.countedBytes);
    this.#parsers[id] = undefined;
    this.#freeIds.push(id);
  }

  parserNow(): number {
    return performance.now();
  }

  /** Counts what the parser keeps of a head; one for which there is no room refuses to go on. */
  #counted(parser: Parser, events: ParserEvents): ParserEvents {
    const growth = parser.headBytes - parser.countedBytes;
    if (growth > 0 && this.#budget?.take(growth) === false) {
      parser.failure ??= { code: 'HPE_USER', reason: 'The sandbox has no memory for more of these headers' };
    } else {
      if (growth < 0) this.#budget?.give(-growth);
      parser.countedBytes = parser.headBytes;
    }
    return events;
  }

  #get(id: number): Parser {
    const parser = this.#parsers[id];
    if (parser === undefined) throw new RangeError(`no such HTTP parser: ${id}`);
    return parser;
  }

  #newId(): number {
    const free = this.#freeIds.pop();
    if (free !== undefined) return free;
    if (this.#parsers.length > MAX_PARSERS) throw new RangeError('too many HTTP parsers');
    return this.#parsers.length;
  }
}
