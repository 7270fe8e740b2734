/** Writes values in V8's format (ValueSerializer), in the order and with the refusals of V8. */
import { typeTests, viewTests } from '../bindings/types.ts';
import { ByteWriter } from './byte-writer.ts';
import { describe, isOrdinary, isPlain } from './plain-objects.ts';
import {
  ERROR_TAG,
  ERRORS,
  IS_LENGTH_TRACKING,
  IS_RESIZABLE,
  REGEXP_FLAGS,
  TAG,
  VERSION,
  VIEWS,
} from './wire-format.ts';

/** What the writer leaves to whoever uses it (ValueSerializer::Delegate). */
export interface WriterDelegate {
  /** Whether an object is written by `writeHostObject`. */
  isHostObject(object: object): boolean;
  writeHostObject(object: object): void;
  /** A number for memory that is shared rather than copied. Throws where it cannot be. */
  sharedBufferId(buffer: SharedArrayBuffer): number;
  /** What is thrown where a value cannot be written. */
  dataCloneError(message: string): unknown;
}

const MAX_INT = 0x7fff_ffff;
/** Of the own properties of an array, those that are its elements. */
const INDEX = /^(?:0|[1-9]\d{0,9})$/;

export class ValueWriter {
  readonly bytes = new ByteWriter();
  readonly #delegate: WriterDelegate;
  readonly #ids = new Map<object, number>();
  readonly #transferred = new Map<object, number>();
  treatsViewsAsHostObjects = false;

  constructor(delegate: WriterDelegate) {
    this.#delegate = delegate;
  }

  writeHeader(): void {
    this.bytes.byte(TAG.version);
    this.bytes.varint(VERSION);
  }

  /** From now on the buffer is known to the reader by a number alone. */
  transfer(id: number, buffer: object): void {
    this.#transferred.set(buffer, id);
  }

  write(value: unknown): void {
    switch (typeof value) {
      case 'undefined':
        return this.bytes.byte(TAG.undefined);
      case 'boolean':
        return this.bytes.byte(value ? TAG.true : TAG.false);
      case 'number':
        return this.#writeNumber(value);
      case 'bigint':
        this.bytes.byte(TAG.bigint);
        return this.bytes.bigint(value);
      case 'string':
        return this.#writeString(value);
      case 'symbol':
        throw this.#refusal(value);
      case 'function':
        return this.#writeFunction(value);
      default:
        return value === null ? this.bytes.byte(TAG.null) : this.#writeObject(value as object);
    }
  }

  #writeFunction(value: object): void {
    if (!this.#delegate.isHostObject(value)) throw this.#refusal(value);
    this.#writeObject(value);
  }

  #refusal(value: unknown): unknown {
    return this.#delegate.dataCloneError(`${describe(value)} could not be cloned.`);
  }

  #writeNumber(value: number): void {
    if (Number.isInteger(value) && value <= MAX_INT && value >= -MAX_INT - 1 && !Object.is(value, -0)) {
      this.bytes.byte(TAG.int32);
      // Zigzag: small numbers stay short, whatever their sign.
      return this.bytes.varint(((value << 1) ^ (value >> 31)) >>> 0);
    }
    this.bytes.byte(TAG.double);
    this.bytes.double(value);
  }

  #writeString(text: string): void {
    if (isOneByte(text)) {
      this.bytes.byte(TAG.oneByte);
      this.bytes.varint(text.length);
      return this.bytes.latin1(text);
    }
    const size = text.length * 2;
    // The characters are to be at an even place.
    if (((this.bytes.length + 1 + varintSize(size)) & 1) === 1) this.bytes.byte(TAG.padding);
    this.bytes.byte(TAG.twoByte);
    this.bytes.varint(size);
    this.bytes.utf16(text);
  }

  #writeObject(object: object): void {
    const isView = ArrayBuffer.isView(object);
    // A view comes after its buffer, which others may share.
    if (isView && !this.treatsViewsAsHostObjects && !this.#ids.has(object)) this.#writeObject(object.buffer);
    const known = this.#ids.get(object);
    if (known !== undefined) {
      this.bytes.byte(TAG.reference);
      return this.bytes.varint(known);
    }
    this.#ids.set(object, this.#ids.size);
    if (isView && !this.treatsViewsAsHostObjects) return this.#writeView(object);
    if (isView || this.#delegate.isHostObject(object)) {
      this.bytes.byte(TAG.host);
      return this.#delegate.writeHostObject(object);
    }
    // Most objects are ordinary ones: the questions below are for the others.
    if (isOrdinary(object)) return this.#writeOwn(object);
    if (Array.isArray(object) && !typeTests.isProxy(object)) return this.#writeArray(object);
    if (!this.#writeSpecial(object)) this.#writePlain(object);
  }

  /** Objects with something inside that properties do not show; false for all others. */
  #writeSpecial(object: object): boolean {
    if (typeTests.isDate(object)) {
      this.bytes.byte(TAG.date);
      this.bytes.double(Date.prototype.getTime.call(object));
    } else if (typeTests.isMap(object)) this.#writeMap(object as Map<unknown, unknown>);
    else if (typeTests.isSet(object)) this.#writeSet(object as Set<unknown>);
    else if (typeTests.isRegExp(object)) this.#writeRegExp(object as RegExp);
    else if (typeTests.isArrayBuffer(object)) this.#writeBuffer(object as ArrayBuffer);
    else if (typeTests.isSharedArrayBuffer(object)) {
      const id = this.#delegate.sharedBufferId(object as SharedArrayBuffer);
      this.bytes.byte(TAG.shared);
      this.bytes.varint(id);
    } else if (typeTests.isNativeError(object)) this.#writeError(object as Error);
    else if (typeTests.isBoxedPrimitive(object)) this.#writeBoxed(object);
    else return false;
    return true;
  }

  #writeBoxed(object: object): void {
    const value = object.valueOf();
    switch (typeof value) {
      case 'boolean':
        return this.bytes.byte(value ? TAG.trueObject : TAG.falseObject);
      case 'number':
        this.bytes.byte(TAG.numberObject);
        return this.bytes.double(value);
      case 'bigint':
        this.bytes.byte(TAG.bigintObject);
        return this.bytes.bigint(value);
      case 'string':
        this.bytes.byte(TAG.stringObject);
        return this.#writeString(value);
      default:
        throw this.#refusal(object);
    }
  }

  #writePlain(object: object): void {
    if (!isPlain(object)) throw this.#refusal(object);
    this.#writeOwn(object);
  }

  #writeOwn(object: object): void {
    this.bytes.byte(TAG.object);
    const count = this.#writeProperties(object, Object.keys(object));
    this.bytes.byte(TAG.endObject);
    this.bytes.varint(count);
  }

  /** How many there still were: reading one may have removed others. */
  #writeProperties(object: object, keys: readonly string[]): number {
    let count = 0;
    for (const key of keys) {
      if (!Object.hasOwn(object, key)) continue;
      this.#writeKey(key);
      this.write((object as Record<string, unknown>)[key]);
      count += 1;
    }
    return count;
  }

  #writeKey(key: string): void {
    if (INDEX.test(key) && Number(key) < 2 ** 32 - 1) this.#writeIndex(Number(key));
    else this.#writeString(key);
  }

  #writeIndex(index: number): void {
    if (index <= MAX_INT) return this.#writeNumber(index);
    this.bytes.byte(TAG.double);
    this.bytes.double(index);
  }

  #writeArray(array: readonly unknown[]): void {
    const { length } = array;
    const keys = Object.keys(array);
    const isDense = keys.length >= length && (length === 0 || keys[length - 1] === String(length - 1));
    this.bytes.byte(isDense ? TAG.dense : TAG.sparse);
    this.bytes.varint(length);
    if (isDense) {
      for (let index = 0; index < length; index += 1) {
        if (index in array) this.write(array[index]);
        else this.bytes.byte(TAG.hole);
      }
    }
    const count = this.#writeProperties(array, isDense ? keys.slice(length) : keys);
    this.bytes.byte(isDense ? TAG.endDense : TAG.endSparse);
    this.bytes.varint(count);
    this.bytes.varint(length);
  }

  #writeMap(map: Map<unknown, unknown>): void {
    // What it holds now: writing may call getters that change it.
    const entries = [...Map.prototype.entries.call(map)];
    this.bytes.byte(TAG.map);
    for (const [key, value] of entries) {
      this.write(key);
      this.write(value);
    }
    this.bytes.byte(TAG.endMap);
    this.bytes.varint(entries.length * 2);
  }

  #writeSet(set: Set<unknown>): void {
    const values = [...Set.prototype.values.call(set)];
    this.bytes.byte(TAG.set);
    for (const value of values) this.write(value);
    this.bytes.byte(TAG.endSet);
    this.bytes.varint(values.length);
  }

  #writeRegExp({ source, flags }: RegExp): void {
    this.bytes.byte(TAG.regexp);
    this.#writeString(source);
    let bits = 0;
    for (const [flag, bit] of REGEXP_FLAGS) if (flags.includes(flag)) bits |= bit;
    this.bytes.varint(bits);
  }

  #writeBuffer(buffer: ArrayBuffer): void {
    const id = this.#transferred.get(buffer);
    if (id !== undefined) {
      this.bytes.byte(TAG.transferred);
      return this.bytes.varint(id);
    }
    if (buffer.detached) {
      throw this.#delegate.dataCloneError('An ArrayBuffer is detached and could not be cloned.');
    }
    this.bytes.byte(buffer.resizable ? TAG.resizableBuffer : TAG.buffer);
    this.bytes.varint(buffer.byteLength);
    if (buffer.resizable) this.bytes.varint(buffer.maxByteLength);
    this.bytes.raw(new Uint8Array(buffer));
  }

  #writeView(view: ArrayBufferView): void {
    const name = viewTests.isDataView(view) ? 'DataView' : nameOfTypedArray.call(view);
    const buffer = view.buffer as ArrayBuffer;
    this.bytes.byte(TAG.view);
    this.bytes.byte(VIEWS.find((each) => each[1] === name)![0]);
    this.bytes.varint(view.byteOffset);
    this.bytes.varint(view.byteLength);
    this.bytes.varint(
      buffer.resizable ? IS_RESIZABLE | (isTracking(view, buffer) ? IS_LENGTH_TRACKING : 0) : 0,
    );
  }

  #writeError(error: Error): void {
    this.bytes.byte(TAG.error);
    const tag = ERRORS.find(([, type]) => type.name === error.name)?.[0];
    if (tag !== undefined) this.bytes.byte(tag);
    const message = Object.getOwnPropertyDescriptor(error, 'message');
    if (message !== undefined) {
      this.bytes.byte(ERROR_TAG.message);
      this.#writeString(String(message.value));
    }
    const { stack } = error;
    if (typeof stack === 'string') {
      this.bytes.byte(ERROR_TAG.stack);
      this.#writeString(stack);
    }
    const cause = Object.getOwnPropertyDescriptor(error, 'cause');
    if (cause !== undefined) {
      this.bytes.byte(ERROR_TAG.cause);
      this.write(cause.value);
    }
    this.bytes.byte(ERROR_TAG.end);
  }
}

// eslint-disable-next-line typescript/unbound-method -- called with its object above
const nameOfTypedArray = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)!.get!;

const isTracking = (view: ArrayBufferView, buffer: ArrayBuffer): boolean =>
  view.byteOffset + view.byteLength === buffer.byteLength;

const isOneByte = (text: string): boolean => {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0xff) return false;
  return true;
};

const varintSize = (value: number): number => {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1;
  return size;
};
