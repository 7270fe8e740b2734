/**
 * Values of the guest as they lie in its memory. On wasm32 QuickJS packs a value into 64 bits: the tag above, below it
 * a number or a pointer; a floating point number takes all 64 with an offset added, which keeps clear of the tags
 * (quickjs.h, JS_NAN_BOXING).
 */
import { PendingError } from './guest-errors.ts';
import type { Bridge } from './bridge.ts';

/** quickjs.h, JS_TAG_*. */
const TAG = { string: -7, object: -1, int: 0, boolean: 1, null: 2, undefined: 3, exception: 6 } as const;
/** Ropes are strings that were added up and not yet joined (JS_TAG_STRING_ROPE). */
const TAG_STRING_ROPE = -6;
const FIRST_TAG = -9;
const FLOAT_TAG = 8;
/** quickjs.h, JS_FLOAT64_TAG_ADDEND, in the upper half of the value. */
const FLOAT_OFFSET = 0x7ff8_0000 - FIRST_TAG + 1;

/** Bytes of one value. */
export const VALUE_SIZE = 8;
const MAX_INT = 0x7fff_ffff;

/** Bytes in the guest's memory. Where they lie they stay when it grows, which is the end of every view of them. */
export class BytesInMemory {
  readonly address: number;
  readonly length: number;

  constructor(address: number, length: number) {
    this.address = address;
    this.length = length;
  }
}

/** What crosses between engine and guest. Bytes are copied on the way in, and a view on the way out. */
export type Crossing =
  | undefined
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | BytesInMemory
  | readonly Crossing[]
  | { readonly [name: string]: Crossing };

/** Reads and writes values at addresses of the guest's memory. */
export class Values {
  readonly #bridge: Bridge;
  readonly #float = new DataView(new ArrayBuffer(8));

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  /** The value at an address; objects other than byte arrays are undefined. */
  read(address: number): Crossing {
    const { words } = this.#bridge.memory;
    const at = address >> 2;
    const tag = words[at + 1]!;
    switch (tag) {
      case TAG.int:
        return words[at]!;
      case TAG.boolean:
        return words[at] !== 0;
      case TAG.null:
        return null;
      case TAG.undefined:
        return undefined;
      case TAG.string:
      case TAG_STRING_ROPE:
        return this.#bridge.text(address);
      case TAG.object:
        return this.#bridge.bytes(address);
      default:
        return this.#isFloat(tag) ? this.#readFloat(at) : undefined;
    }
  }

  isUndefined(address: number): boolean {
    return this.#bridge.memory.words[(address >> 2) + 1] === TAG.undefined;
  }

  /** Did QuickJS throw instead of making a value? */
  isException(address: number): boolean {
    return this.#bridge.memory.words[(address >> 2) + 1] === TAG.exception;
  }

  /** Puts a value at an address; what was there is not freed. */
  write(address: number, value: Crossing): void {
    switch (typeof value) {
      case 'undefined':
        return this.#set(address, TAG.undefined, 0);
      case 'boolean':
        return this.#set(address, TAG.boolean, value ? 1 : 0);
      case 'number':
        return this.#writeNumber(address, value);
      case 'string':
        return this.#bridge.newText(address, value);
      default:
        if (value === null) return this.#set(address, TAG.null, 0);
        if (value instanceof Uint8Array) return this.#bridge.newBytes(address, value);
        if (value instanceof BytesInMemory) return this.#bridge.copyBytes(address, value);
        return this.#writeObject(address, value);
    }
  }

  #writeObject(address: number, value: readonly Crossing[] | { readonly [name: string]: Crossing }): void {
    const { exports } = this.#bridge;
    // Nested values are put together one deeper each.
    const part = this.#bridge.allocate(VALUE_SIZE);
    try {
      if (Array.isArray(value)) {
        exports.bridge_array(address);
        this.#bridge.check(address);
        for (let index = 0; index < value.length; index += 1) {
          this.write(part, value[index]);
          if (exports.bridge_set_element(address, index, part) < 0) throw new PendingError();
        }
      } else {
        exports.bridge_object(address);
        this.#bridge.check(address);
        for (const [name, each] of Object.entries(value)) {
          this.write(part, each);
          this.#bridge.withName(name, (pointer) => exports.bridge_set_property(address, pointer, part));
        }
      }
    } catch (error) {
      if (!this.isException(address)) exports.bridge_free(address);
      throw error;
    } finally {
      this.#bridge.release(part);
    }
  }

  #writeNumber(address: number, value: number): void {
    if (Number.isInteger(value) && value <= MAX_INT && value >= -MAX_INT && !Object.is(value, -0)) {
      return this.#set(address, TAG.int, value);
    }
    const { words } = this.#bridge.memory;
    this.#float.setFloat64(0, value, true);
    words[address >> 2] = this.#float.getInt32(0, true);
    // NaN has more than one pattern; only the canonical one stays clear of the tags.
    const upper = Number.isNaN(value) ? 0x7ff8_0000 : this.#float.getInt32(4, true);
    words[(address >> 2) + 1] = upper - FLOAT_OFFSET;
  }

  #readFloat(at: number): number {
    const { words } = this.#bridge.memory;
    this.#float.setInt32(0, words[at]!, true);
    this.#float.setInt32(4, words[at + 1]! + FLOAT_OFFSET, true);
    return this.#float.getFloat64(0, true);
  }

  #isFloat(tag: number): boolean {
    return (tag - FIRST_TAG) >>> 0 >= FLOAT_TAG - FIRST_TAG;
  }

  #set(address: number, tag: number, payload: number): void {
    const { words } = this.#bridge.memory;
    words[address >> 2] = payload;
    words[(address >> 2) + 1] = tag;
  }
}
