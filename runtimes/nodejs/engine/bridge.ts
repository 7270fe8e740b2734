/**
 * The engine's end of native/bridge.c: memory of the guest, texts and byte arrays in it, calls in both directions.
 */
import { decodeWtf8 } from './wtf8.ts';
import { GuestError, GuestMemoryError, PendingError, ThrownByGuest } from './guest-errors.ts';
import { Values, VALUE_SIZE } from './values.ts';
import type { BytesInMemory, Crossing } from './values.ts';

/** Functions of native/bridge.c; addresses are of values. */
export interface BridgeExports {
  bridge_function(result: number, number: number): void;
  bridge_native_function(result: number, number: number): void;
  bridge_string(result: number, utf8: number, length: number): void;
  bridge_string16(result: number, text: number, length: number): void;
  bridge_bytes(result: number, bytes: number, length: number): void;
  bridge_new_bytes(result: number, length: number): number;
  bridge_error(result: number, message: number, code: number): void;
  bridge_use_stack(size: number): void;
  bridge_collect_at(size: number): void;
  bridge_array(result: number): void;
  bridge_object(result: number): void;
  bridge_set_element(array: number, index: number, value: number): number;
  bridge_set_property(object: number, name: number, value: number): number;
  bridge_element(result: number, array: number, index: number): void;
  bridge_property(result: number, object: number, name: number): void;
  bridge_length(array: number): number;
  bridge_global(result: number): void;
  bridge_text(value: number, length: number): number;
  bridge_free_text(text: number): void;
  bridge_bytes_of(value: number, length: number): number;
  bridge_typed_array_kind(value: number): number;
  bridge_copy(result: number, value: number): void;
  bridge_free(value: number): void;
  bridge_call(result: number, callee: number, self: number, count: number, values: number): number;
  bridge_evaluate(result: number, source: number, length: number, name: number, flags: number): number;
  bridge_keep_entries(object: number): void;
  bridge_entry(result: number, name: number): void;
  bridge_is_proxy(value: number): number;
  bridge_proxy_parts(target: number, handler: number, proxy: number): void;
  bridge_promise(result: number, promise: number): number;
  // Of native/async-context.c: called by QuickJS alone.
  readonly then_in_context: (...values: never[]) => number;
  readonly enqueue_in_context: (...values: never[]) => number;
}

/** What the bridge needs of the module of QuickJS itself. */
export interface QuickJsExports {
  readonly memory: WebAssembly.Memory;
  /** Of rewrite/promise-calls.ts. */
  readonly promise_calls: { set(index: number, callee: (...values: never[]) => unknown): void };
  malloc(size: number): number;
  free(address: number): void;
  qjs_run_gc(): void;
  qjs_set_memory_limit(size: number): void;
}

/** A function of the engine. It may throw; the guest gets an Error with the same message and code. */
export type HostFunction = (...values: never[]) => Crossing | void;
/** A function that reads its arguments and writes its result where they lie; values are of `VALUE_SIZE` bytes. */
export type RawHostFunction = (count: number, values: number, result: number) => void;

/** quickjs.h: JS_EVAL_TYPE_GLOBAL. */
export const EVALUATE_GLOBAL = 0;
/** Texts up to this many bytes are put together in a place that is always there. */
const SCRATCH_SIZE = 65_536;

export class Bridge {
  readonly exports: BridgeExports;
  readonly values: Values;
  readonly #engine: QuickJsExports;
  readonly #functions: RawHostFunction[] = [];
  readonly #scratch: number;
  readonly #length: number;
  #calls = 0;
  #views: { readonly words: Int32Array; readonly bytes: Buffer };

  constructor(engine: QuickJsExports, exports: BridgeExports) {
    this.#engine = engine;
    this.exports = exports;
    this.#views = viewsOf(engine.memory);
    this.#scratch = engine.malloc(SCRATCH_SIZE);
    this.#length = engine.malloc(4);
    this.values = new Values(this);
  }

  /** How often the guest was called. */
  get calls(): number {
    return this.#calls;
  }

  /** Views of the guest's memory; they hold until it grows, which any call into the guest may make it. */
  get memory(): { readonly words: Int32Array; readonly bytes: Buffer } {
    // A memory that grew has left its old buffer empty.
    if (this.#views.words.length === 0) this.#views = viewsOf(this.#engine.memory);
    return this.#views;
  }

  /** The guest's memory itself. */
  get linearMemory(): WebAssembly.Memory {
    return this.#engine.memory;
  }

  /** Room for values in the guest's memory. */
  allocate(size: number): number {
    const address = this.#engine.malloc(size);
    if (address === 0) throw new GuestMemoryError();
    return address;
  }

  release(address: number): void {
    this.#engine.free(address);
  }

  /** The characters of a string. */
  text(address: number): string {
    const text = this.exports.bridge_text(address, this.#length);
    if (text === 0) throw new PendingError();
    const { bytes, words } = this.memory;
    const end = text + words[this.#length >> 2]!;
    try {
      const result = bytes.toString('utf8', text, end);
      return result.includes('\ufffd') ? decodeWtf8(bytes.subarray(text, end)) : result;
    } finally {
      this.exports.bridge_free_text(text);
    }
  }

  /** A view of the bytes of a Uint8Array, valid until the guest runs again; undefined for all else. */
  bytes(address: number): Uint8Array | undefined {
    if (this.exports.bridge_typed_array_kind(address) !== UINT8_ARRAY) return undefined;
    const start = this.exports.bridge_bytes_of(address, this.#length);
    const { bytes, words } = this.memory;
    return bytes.subarray(start, start + words[this.#length >> 2]!);
  }

  /** Where the bytes of a Uint8Array lie in the guest's memory. */
  locate(address: number): { readonly address: number; readonly length: number } {
    const start = this.exports.bridge_bytes_of(address, this.#length);
    return { address: start, length: start === 0 ? 0 : this.memory.words[this.#length >> 2]! };
  }

  /** Calls `action` with where a string lies as UTF-8, without its leaving the guest. */
  withText<Result>(address: number, action: (start: number, length: number) => Result): Result {
    const start = this.exports.bridge_text(address, this.#length);
    if (start === 0) throw new PendingError();
    try {
      return action(start, this.memory.words[this.#length >> 2]!);
    } finally {
      this.exports.bridge_free_text(start);
    }
  }

  newText(result: number, text: string): void {
    if (!text.isWellFormed()) return this.#newText16(result, text);
    // A UTF-16 unit takes at most three bytes of UTF-8.
    const isShort = text.length * 3 <= SCRATCH_SIZE;
    const start = isShort ? this.#scratch : this.allocate(Buffer.byteLength(text));
    const length = this.memory.bytes.write(text, start, 'utf8');
    this.exports.bridge_string(result, start, length);
    if (!isShort) this.release(start);
    this.check(result);
  }

  /** Throws {@link PendingError} where QuickJS could not make a value. */
  check(result: number): void {
    if (this.values.isException(result)) throw new PendingError();
  }

  /** What lies in the guest's memory already has not to be brought there. */
  copyBytes(result: number, { address, length }: BytesInMemory): void {
    this.exports.bridge_bytes(result, address, length);
    this.check(result);
  }

  newBytes(result: number, bytes: Uint8Array): void {
    const start = this.exports.bridge_new_bytes(result, bytes.length);
    if (start === 0) throw new PendingError();
    this.memory.bytes.set(bytes, start);
  }

  /** Frees objects of the guest that only hold each other. */
  collectGarbage(): void {
    this.#engine.qjs_run_gc();
  }

  /** Calls `action` with the address of a name as C has it. */
  withName<Result>(name: string, action: (pointer: number) => Result): Result {
    const bytes = Buffer.from(`${name}\0`);
    const pointer = this.allocate(bytes.length);
    this.memory.bytes.set(bytes, pointer);
    try {
      return action(pointer);
    } finally {
      this.release(pointer);
    }
  }

  /** Gives a function of the engine a number, by which the guest's function object knows it, across snapshots. */
  register(implementation: HostFunction): number {
    const call = implementation as unknown as (...values: Crossing[]) => Crossing;
    return this.registerRaw((count, values, result) => {
      const read: Crossing[] = Array.from({ length: count });
      let { bytes } = this.memory;
      for (let index = 0; index < count; index += 1) {
        read[index] = this.values.read(values + index * VALUE_SIZE);
        // Joining a text can make the memory grow, and then views of it that were read before are gone.
        if (bytes.length === 0) {
          ({ bytes } = this.memory);
          index = -1;
        }
      }
      this.values.write(result, call(...read));
    });
  }

  registerRaw(implementation: RawHostFunction): number {
    return this.#functions.push(implementation) - 1;
  }

  /** The import `wasmrun_call` of native/bridge.c, and what that returns. */
  readonly onCall = (number: number, count: number, values: number, result: number): number => {
    try {
      this.#functions[number]!(count, values, result);
      return 0;
    } catch (error) {
      // What is left of the guest after a trap is not to run any more.
      if (error instanceof WebAssembly.RuntimeError) throw error;
      if (error instanceof ThrownByGuest) return 1;
      if (error instanceof PendingError) return 2;
      return this.#writeError(result, error) ? 1 : 2;
    }
  };

  /** Calls a function of the guest. Throws {@link GuestError}. */
  call(callee: number, values: readonly Crossing[]): Crossing {
    this.#calls += 1;
    const count = values.length;
    const frame = this.allocate((count + 2) * VALUE_SIZE);
    const [result, self, first] = [frame, frame + VALUE_SIZE, frame + 2 * VALUE_SIZE];
    this.values.write(self, undefined);
    for (let index = 0; index < count; index += 1)
      this.values.write(first + index * VALUE_SIZE, values[index]);
    const failed = this.exports.bridge_call(result, callee, self, count, first);
    for (let index = 0; index < count; index += 1) this.exports.bridge_free(first + index * VALUE_SIZE);
    try {
      if (failed !== 0) throw this.guestError(result);
      const value = this.values.read(result);
      return value instanceof Uint8Array ? Uint8Array.from(value) : value;
    } finally {
      this.exports.bridge_free(result);
      this.release(frame);
    }
  }

  /** Evaluates a script; its value is left at `result`. Throws {@link GuestError}. */
  evaluate(source: string, name: string, result: number): void {
    if (!this.tryEvaluate(source, name, result)) {
      const error = this.guestError(result);
      this.exports.bridge_free(result);
      throw error;
    }
  }

  /** Evaluates a script; false where `result` is what it threw. */
  tryEvaluate(source: string, name: string, result: number): boolean {
    // JS_Eval wants a zero after the text.
    const start = this.allocate(source.length * 3 + 1);
    const length = this.memory.bytes.write(source, start, 'utf8');
    this.memory.bytes[start + length] = 0;
    const failed = this.withName(name, (pointer) =>
      this.exports.bridge_evaluate(result, start, length, pointer, EVALUATE_GLOBAL),
    );
    this.release(start);
    return failed === 0;
  }

  /** What the guest threw, with its stack, as an error of ours. */
  guestError(thrown: number): GuestError {
    const part = this.allocate(VALUE_SIZE);
    this.withName('stack', (name) => this.exports.bridge_property(part, thrown, name));
    const stack = this.values.read(part);
    this.exports.bridge_free(part);
    this.release(part);
    return new GuestError(`${this.text(thrown)}\n${typeof stack === 'string' ? stack : ''}`);
  }

  /** An Error that carries the message and code of one of the engine; false where there is no memory for it. */
  #writeError(result: number, error: unknown): boolean {
    if (error instanceof GuestMemoryError) return false;
    const { message, code } = error as NodeJS.ErrnoException;
    try {
      const parts = this.allocate(2 * VALUE_SIZE);
      this.values.write(parts, message);
      this.values.write(parts + VALUE_SIZE, code);
      this.exports.bridge_error(result, parts, parts + VALUE_SIZE);
      this.release(parts);
      return !this.values.isException(result);
    } catch (another) {
      if (another instanceof WebAssembly.RuntimeError) throw another;
      return false;
    }
  }

  #newText16(result: number, text: string): void {
    const start = this.allocate(text.length * 2);
    this.memory.bytes.write(text, start, 'utf16le');
    this.exports.bridge_string16(result, start, text.length);
    this.release(start);
    this.check(result);
  }
}

/** quickjs.h, JS_TYPED_ARRAY_UINT8. */
const UINT8_ARRAY = 2;

const viewsOf = ({ buffer }: WebAssembly.Memory): { words: Int32Array; bytes: Buffer } => ({
  words: new Int32Array(buffer),
  bytes: Buffer.from(buffer),
});
