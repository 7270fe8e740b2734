/**
 * llhttp, the HTTP/1 parser of Node.js, as WebAssembly. It comes from the running Node binary: the
 * library of undici, which is one of Node's built-in sources, carries it as base64.
 *
 * Two things that Node's own copy offers are missing from that build, and are added here by writing
 * to the memory of our instance: it tells neither of chunk headers nor of chunk extensions.
 */
import { WasmrunError } from '../../../src/errors.ts';

/** What llhttp tells while it parses; addresses are in its memory. Returns an `llhttp_errno` (0: go on). */
export interface LlhttpCallbacks {
  /** A message begins, or, within the body of a message, the header of a chunk was read. */
  messageBeginOrChunkHeader(): number;
  /** A piece of a request's target, or, after the head of a message, of a chunk's extensions. */
  urlOrChunkExtension(address: number, length: number): number;
  status(address: number, length: number): number;
  headerField(address: number, length: number): number;
  headerValue(address: number, length: number): number;
  headersComplete(): number;
  body(address: number, length: number): number;
  messageComplete(): number;
}

interface LlhttpExports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_init(parser: number, type: number, settings: number): void;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, bytes: number, length: number): number;
  llhttp_finish(parser: number): number;
  llhttp_pause(parser: number): void;
  llhttp_resume(parser: number): void;
  llhttp_resume_after_upgrade(parser: number): void;
  llhttp_should_keep_alive(parser: number): number;
  llhttp_get_errno(parser: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
  llhttp_errno_name(errno: number): number;
  llhttp_method_name(method: number): number;
  llhttp_get_http_major(parser: number): number;
  llhttp_get_http_minor(parser: number): number;
  llhttp_get_method(parser: number): number;
  llhttp_get_status_code(parser: number): number;
  llhttp_get_upgrade(parser: number): number;
}

/** Where fields of `llhttp_t` lie on wasm32, in bytes (`llhttp__internal_s` in llhttp.h 9.3). */
const HTTP_MAJOR = 42;
const HTTP_MINOR = 43;
const LENIENT_FLAGS = 46;
const UPGRADE = 48;
const FLAGS = 50;
const SETTINGS = 56;

/** Which callbacks `llhttp_settings_t` holds, in its order (llhttp.h 9.3): each is an index of 4 bytes. */
const ON_MESSAGE_BEGIN = 0;
const ON_URL = 2;
const ON_CHUNK_EXTENSION_NAME = 8;
const ON_CHUNK_EXTENSION_VALUE = 9;
const ON_CHUNK_HEADER = 22;
const CALLBACKS = 25;
/** What undici's build is told of: message begin, url, status, header field and value, head, body, end. */
const CALLBACKS_OF_UNDICI = new Set([ON_MESSAGE_BEGIN, ON_URL, 3, 6, 7, 10, 11, 12]);

/** Bits of `flags` (`FLAGS` in llhttp's constants.ts), all in its lower byte. */
export const LLHTTP_FLAG = {
  connectionKeepAlive: 1,
  connectionClose: 2,
  connectionUpgrade: 4,
  upgrade: 16,
  skipBody: 64,
} as const;

/** The `llhttp_errno` values that mean more than "the message is malformed". */
export const LLHTTP_ERRNO = { paused: 21, pausedUpgrade: 22, user: 24 } as const;

/** The lenient bits that this llhttp knows: 1 << 0 (headers) to 1 << 9 (spaces after a chunk's size). */
const LENIENT_MASK = 0x3ff;

/** One instance of llhttp with any number of parsers, which are addresses in its memory. */
export class Llhttp {
  readonly exports: LlhttpExports;
  #heap: Uint8Array;

  constructor(module: WebAssembly.Module, callbacks: LlhttpCallbacks) {
    const instance = new WebAssembly.Instance(module, {
      env: {
        wasm_on_message_begin: () => callbacks.messageBeginOrChunkHeader(),
        wasm_on_url: (_: number, at: number, length: number) => callbacks.urlOrChunkExtension(at, length),
        wasm_on_status: (_: number, at: number, length: number) => callbacks.status(at, length),
        wasm_on_header_field: (_: number, at: number, length: number) => callbacks.headerField(at, length),
        wasm_on_header_value: (_: number, at: number, length: number) => callbacks.headerValue(at, length),
        wasm_on_headers_complete: () => callbacks.headersComplete(),
        wasm_on_body: (_: number, at: number, length: number) => callbacks.body(at, length),
        wasm_on_message_complete: () => callbacks.messageComplete(),
      },
    });
    this.exports = instance.exports as unknown as LlhttpExports;
    this.exports._initialize();
    this.#heap = new Uint8Array(this.exports.memory.buffer);
    this.#tellOfChunks();
  }

  /** The memory; another array after an allocation made it grow. */
  get heap(): Uint8Array {
    if (this.#heap.buffer !== this.exports.memory.buffer)
      this.#heap = new Uint8Array(this.exports.memory.buffer);
    return this.#heap;
  }

  /** Makes a parser, or makes the one at `parser` new again; returns its address. */
  initialize(parser: number, type: number, lenientFlags: number): number {
    const { exports } = this;
    let address = parser;
    if (address === 0) {
      address = exports.llhttp_alloc(type);
      if (address === 0) throw new RangeError('no memory for another HTTP parser');
    } else {
      exports.llhttp_init(address, type, this.#word(address + SETTINGS));
    }
    this.#view().setUint16(address + LENIENT_FLAGS, lenientFlags & LENIENT_MASK, true);
    return address;
  }

  /** Raises bits of {@link LLHTTP_FLAG} in the message being parsed. */
  raise(parser: number, flags: number): void {
    this.heap[parser + FLAGS]! |= flags;
  }

  hasFlags(parser: number, flags: number): boolean {
    return (this.heap[parser + FLAGS]! & flags) === flags;
  }

  /** What follows the message being parsed is another protocol. */
  setUpgrade(parser: number): void {
    this.heap[parser + UPGRADE] = 1;
  }

  /** The text of C that begins at `address`. */
  text(address: number): string {
    if (address === 0) return '';
    const { heap } = this;
    return Buffer.from(heap.subarray(address, heap.indexOf(0, address))).toString('latin1');
  }

  #view(): DataView {
    return new DataView(this.exports.memory.buffer);
  }

  #word(address: number): number {
    return this.#view().getUint32(address, true);
  }

  /** Adds the missing callbacks to the settings, which all parsers of this instance share. */
  #tellOfChunks(): void {
    const parser = this.exports.llhttp_alloc(1);
    this.#assertLayout(parser);
    const settings = this.#word(parser + SETTINGS);
    const view = this.#view();
    const share = (callback: number, as: number) =>
      view.setUint32(settings + callback * 4, this.#word(settings + as * 4), true);
    share(ON_CHUNK_HEADER, ON_MESSAGE_BEGIN);
    share(ON_CHUNK_EXTENSION_NAME, ON_URL);
    share(ON_CHUNK_EXTENSION_VALUE, ON_URL);
    this.exports.llhttp_free(parser);
  }

  /** Compares what this file knows of llhttp's memory with what its functions say. */
  #assertLayout(parser: number): void {
    const { exports } = this;
    const view = this.#view();
    const settings = this.#word(parser + SETTINGS);
    const known = Array.from({ length: CALLBACKS }, (_, callback) =>
      settings + callback * 4 + 4 <= view.byteLength ? this.#word(settings + callback * 4) !== 0 : undefined,
    );
    view.setUint8(parser + HTTP_MAJOR, 1);
    view.setUint8(parser + HTTP_MINOR, 1);
    view.setUint8(parser + UPGRADE, 1);
    const keptAlive = exports.llhttp_should_keep_alive(parser);
    this.raise(parser, LLHTTP_FLAG.connectionClose);
    const fits =
      known.every((isSet, callback) => isSet === CALLBACKS_OF_UNDICI.has(callback)) &&
      exports.llhttp_get_http_major(parser) === 1 &&
      exports.llhttp_get_http_minor(parser) === 1 &&
      exports.llhttp_get_upgrade(parser) === 1 &&
      keptAlive === 1 &&
      exports.llhttp_should_keep_alive(parser) === 0;
    if (!fits) throw unavailable('its memory is laid out in another way than that of llhttp 9.3');
  }
}

const unavailable = (why: string) =>
  new WasmrunError(
    'RUNTIME_UNAVAILABLE',
    `the HTTP parser of Node.js ${process.version} cannot be used: ${why}`,
    {
      hint: 'use the Node.js version that this release of wasmrun is pinned to',
    },
  );

/** The first bytes of every WebAssembly module, `\0asm` and version 1, as base64. */
const WASM_AS_BASE64 = 'AGFzbQEAAAA';
const UNDICI = 'internal/deps/undici/undici';

/**
 * Finds llhttp among the sources of Node's built-in modules and compiles it.
 * @param natives what `process.binding('natives')` is: source by name
 * @throws WasmrunError `RUNTIME_UNAVAILABLE` if this Node carries no llhttp of WebAssembly
 */
export function compileLlhttp(natives: Readonly<Record<string, string>>): WebAssembly.Module {
  for (const source of [natives[UNDICI] ?? '', ...Object.values(natives)]) {
    for (let at = source.indexOf(WASM_AS_BASE64); at !== -1; at = source.indexOf(WASM_AS_BASE64, at + 1)) {
      const quote = source[at - 1];
      if (quote === undefined) continue;
      const base64 = source.slice(at, source.indexOf(quote, at));
      const module = new WebAssembly.Module(Buffer.from(base64, 'base64'));
      if (WebAssembly.Module.exports(module).some(({ name }) => name === 'llhttp_execute')) return module;
    }
  }
  throw unavailable('none of its built-in sources contains llhttp');
}
