/**
 * The parser of Node's `fetch`: undici brings llhttp as WebAssembly, which a guest cannot run, so that it runs here.
 * What it finds is told to undici's own callbacks in the guest while it parses, as undici has it with WebAssembly.
 */
import type { Bridge } from './bridge.ts';
import type { EngineFunctions } from './guest.ts';
import type { Crossing } from './values.ts';
import { VALUE_SIZE } from './values.ts';

/** undici's lib/llhttp/constants.ts, TYPE.RESPONSE. */
const RESPONSE = 2;
/** Bytes that are parsed at a time. */
const PIECE = 65_536;
/** Connections of a client; each parser takes about 100 bytes here. */
const MAX_PARSERS = 16_384;

interface Exports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, bytes: number, length: number): number;
  llhttp_finish(parser: number): number;
  llhttp_resume(parser: number): void;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
}

/** Calls undici's callback of the name; what it returns goes to llhttp. */
export type TellClient = (name: string, parser: number, ...values: readonly number[]) => Crossing;

/** All clients of a guest: one instance, made when the first connects. */
export class ClientParsers {
  readonly #module: WebAssembly.Module;
  readonly #tell: TellClient;
  readonly #parsers = new Set<number>();
  #instance: { readonly exports: Exports; readonly piece: number } | undefined;
  /** What has to be added to an address of a callback for its offset in the guest's chunk. */
  #shift = 0;
  #isBusy = false;

  constructor(module: WebAssembly.Module, tell: TellClient) {
    this.#module = module;
    this.#tell = tell;
  }

  /** A number for a new parser of responses. */
  allocate(): number {
    if (this.#parsers.size >= MAX_PARSERS) throw new RangeError('too many connections of HTTP clients');
    const parser = this.#llhttp.exports.llhttp_alloc(RESPONSE);
    if (parser === 0) throw new RangeError('no memory for another HTTP parser');
    this.#parsers.add(parser);
    return parser;
  }

  free(parser: number): undefined {
    this.#use(parser).llhttp_free(parser);
    this.#parsers.delete(parser);
    return undefined;
  }

  resume(parser: number): undefined {
    this.#use(parser).llhttp_resume(parser);
    return undefined;
  }

  finish(parser: number): number {
    return this.#alone(() => this.#use(parser).llhttp_finish(parser));
  }

  /** Where in the chunk the last `execute` stopped; only of meaning where it did not return 0. */
  errorOffset(parser: number): number {
    return this.#use(parser).llhttp_get_error_pos(parser) + this.#shift;
  }

  errorReason(parser: number): string {
    const exports = this.#use(parser);
    const reason = exports.llhttp_get_error_reason(parser);
    const heap = Buffer.from(exports.memory.buffer);
    return reason === 0 ? '' : heap.toString('latin1', reason, heap.indexOf(0, reason));
  }

  /**
   * Parses a chunk; returns an `llhttp_errno`.
   * @param bytes - the chunk where it lies now; callbacks may make the guest's memory another
   */
  execute(parser: number, bytes: () => Uint8Array): number {
    const exports = this.#use(parser);
    const { piece } = this.#llhttp;
    return this.#alone(() => {
      for (let at = 0; ; at += PIECE) {
        const part = bytes().subarray(at, at + PIECE);
        if (part.length === 0 && at > 0) return 0;
        new Uint8Array(exports.memory.buffer).set(part, piece);
        this.#shift = at - piece;
        const result = exports.llhttp_execute(parser, piece, part.length);
        if (result !== 0 || part.length < PIECE) return result;
      }
    });
  }

  /** llhttp cannot be entered while it is parsing: the piece it reads would be another's. */
  #alone(action: () => number): number {
    if (this.#isBusy) throw new Error('the HTTP parser is at work');
    this.#isBusy = true;
    try {
      return action();
    } finally {
      this.#isBusy = false;
    }
  }

  #use(parser: number): Exports {
    if (!this.#parsers.has(parser)) throw new TypeError('Illegal invocation');
    return this.#llhttp.exports;
  }

  get #llhttp(): { readonly exports: Exports; readonly piece: number } {
    if (this.#instance === undefined) {
      const { exports } = new WebAssembly.Instance(this.#module, { env: this.#callbacks() });
      const typed = exports as unknown as Exports;
      typed._initialize();
      this.#instance = { exports: typed, piece: typed.malloc(PIECE) };
    }
    return this.#instance;
  }

  #callbacks(): Record<string, (parser: number, ...values: number[]) => number> {
    const plain =
      (name: string) =>
      (parser: number, ...values: number[]) =>
        Number(this.#tell(name, parser, ...values));
    const located = (name: string) => (parser: number, at: number, length: number) =>
      Number(this.#tell(name, parser, at + this.#shift, length));
    return {
      // undici does nothing with it.
      wasm_on_url: () => 0,
      wasm_on_message_begin: plain('wasm_on_message_begin'),
      wasm_on_status: located('wasm_on_status'),
      wasm_on_header_field: located('wasm_on_header_field'),
      wasm_on_header_value: located('wasm_on_header_value'),
      wasm_on_headers_complete: plain('wasm_on_headers_complete'),
      wasm_on_body: located('wasm_on_body'),
      wasm_on_message_complete: plain('wasm_on_message_complete'),
    };
  }
}

export const clientParserFunctions = (bridge: Bridge, parsers: ClientParsers): EngineFunctions => ({
  plain: {
    clientParserAllocate: () => parsers.allocate(),
    clientParserFree: (parser: number) => parsers.free(parser),
    clientParserResume: (parser: number) => parsers.resume(parser),
    clientParserFinish: (parser: number) => parsers.finish(parser),
    clientParserErrorOffset: (parser: number) => parsers.errorOffset(parser),
    clientParserErrorReason: (parser: number) => parsers.errorReason(parser),
  },
  raw: {
    clientParserExecute: (_, values, result) => {
      const parser = bridge.values.read(values) as number;
      const bytes = (): Uint8Array => bridge.bytes(values + VALUE_SIZE) ?? new Uint8Array();
      bridge.values.write(result, parsers.execute(parser, bytes));
    },
  },
});
