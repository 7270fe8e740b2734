/** Reads values in V8's format (ValueDeserializer). */
import { ByteReader } from './byte-reader.ts';
import { ERROR_TAG, ERRORS, IS_LENGTH_TRACKING, REGEXP_FLAGS, TAG, VERSION, VIEWS } from './wire-format.ts';

/** What the reader leaves to whoever uses it (ValueDeserializer::Delegate). */
export interface ReaderDelegate {
  readHostObject(): object;
  sharedBuffer(id: number): SharedArrayBuffer | undefined;
}

const OLDEST_VERSION = 13;
/** Since this one, views have flags. */
const VERSION_OF_FLAGS = 14;
/** Arrays with this many elements more than there are bytes left are not made. */
const MAX_ARRAY = 2 ** 25;

/** The bytes are not what a writer has written. */
const malformed = (): Error => new Error('Unable to deserialize cloned data.');

export class ValueReader {
  readonly bytes: ByteReader;
  readonly #delegate: ReaderDelegate;
  readonly #objects: object[] = [];
  readonly #transferred = new Map<number, object>();
  version = 0;

  constructor(bytes: Uint8Array, delegate: ReaderDelegate) {
    this.bytes = new ByteReader(bytes, malformed);
    this.#delegate = delegate;
  }

  /** Throws where the format is another. */
  readHeader(): void {
    if (this.bytes.peek() === TAG.version) {
      this.bytes.byte();
      this.version = this.bytes.left > 0 ? this.bytes.varint() : 0;
      if (this.version <= VERSION && this.version >= OLDEST_VERSION) return;
    }
    throw new Error('Unable to deserialize cloned data due to invalid or unsupported version.');
  }

  transfer(id: number, buffer: object): void {
    this.#transferred.set(id, buffer);
  }

  read(): unknown {
    const value = this.#readValue(this.#tag());
    // A view follows the buffer it is on.
    if (isBuffer(value) && this.#peekTag() === TAG.view) {
      this.#tag();
      return this.#readView(value);
    }
    return value;
  }

  #tag(): number {
    let tag = this.bytes.byte();
    while (tag === TAG.padding) tag = this.bytes.byte();
    return tag;
  }

  #peekTag(): number | undefined {
    while (this.bytes.peek() === TAG.padding) this.bytes.byte();
    return this.bytes.peek();
  }

  #readValue(tag: number): unknown {
    switch (tag) {
      case TAG.undefined:
        return undefined;
      case TAG.null:
        return null;
      case TAG.true:
        return true;
      case TAG.false:
        return false;
      case TAG.int32: {
        const value = this.bytes.varint();
        return (value >>> 1) ^ -(value & 1);
      }
      case TAG.uint32:
        return this.bytes.varint();
      case TAG.double:
        return this.bytes.double();
      case TAG.bigint:
        return this.bytes.bigint();
      case TAG.reference:
        return this.#objects[this.bytes.varint()] ?? this.#fail();
      default:
        return this.#readText(tag) ?? this.#readObject(tag);
    }
  }

  #fail(): never {
    throw malformed();
  }

  #readText(tag: number): string | undefined {
    if (tag === TAG.oneByte) return this.bytes.text(this.bytes.varint(), 'latin1');
    if (tag === TAG.twoByte) return this.bytes.text(this.bytes.varint(), 'utf16le');
    if (tag === TAG.utf8) return this.bytes.text(this.bytes.varint(), 'utf8');
    return undefined;
  }

  #readString(): string {
    return this.#readText(this.#tag()) ?? this.#fail();
  }

  #readObject(tag: number): object {
    switch (tag) {
      case TAG.object:
        return this.#readPlain();
      case TAG.dense:
        return this.#readDense();
      case TAG.sparse:
        return this.#readSparse();
      case TAG.map:
        return this.#readMap();
      case TAG.set:
        return this.#readSet();
      case TAG.error:
        return this.#readError();
      case TAG.host:
        return this.#readHost();
      default:
        return this.#keep(this.#readLeaf(tag));
    }
  }

  /** Objects that hold no others. */
  #readLeaf(tag: number): object {
    switch (tag) {
      case TAG.date:
        return new Date(this.bytes.double());
      case TAG.trueObject:
        return Object(true) as object;
      case TAG.falseObject:
        return Object(false) as object;
      case TAG.numberObject:
        return Object(this.bytes.double()) as object;
      case TAG.bigintObject:
        return Object(this.bytes.bigint()) as object;
      case TAG.stringObject:
        return Object(this.#readString()) as object;
      case TAG.regexp: {
        const source = this.#readString();
        const bits = this.bytes.varint();
        const flags = REGEXP_FLAGS.filter(([, bit]) => (bits & bit) !== 0).map(([flag]) => flag);
        return new RegExp(source, flags.join(''));
      }
      case TAG.buffer:
        return this.bytes.raw(this.bytes.varint()).slice().buffer;
      case TAG.resizableBuffer:
        return this.#readResizable();
      case TAG.transferred:
        return this.#transferred.get(this.bytes.varint()) ?? this.#fail();
      case TAG.shared:
        return this.#delegate.sharedBuffer(this.bytes.varint()) ?? this.#fail();
      default:
        return this.#fail();
    }
  }

  #keep<Kind extends object>(object: Kind): Kind {
    this.#objects.push(object);
    return object;
  }

  #readResizable(): ArrayBuffer {
    const length = this.bytes.varint();
    const maxByteLength = this.bytes.varint();
    if (length > maxByteLength) this.#fail();
    const buffer = new ArrayBuffer(length, { maxByteLength });
    new Uint8Array(buffer).set(this.bytes.raw(length));
    return buffer;
  }

  /** Properties up to the tag at their end; how many there were. */
  #readProperties(object: object, end: number): number {
    for (let count = 0; ; count += 1) {
      if (this.#peekTag() === end) {
        this.#tag();
        return count;
      }
      const key = this.read();
      if (typeof key !== 'string' && typeof key !== 'number') this.#fail();
      // Not assigned: `__proto__` is a name as every other.
      Object.defineProperty(object, key, {
        value: this.read(),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
  }

  #readPlain(): object {
    const object = this.#keep({});
    if (this.#readProperties(object, TAG.endObject) !== this.bytes.varint()) this.#fail();
    return object;
  }

  #readDense(): unknown[] {
    const length = this.bytes.varint();
    // Each element takes a byte at least.
    if (length > this.bytes.left) this.#fail();
    const array = this.#keep(Array.from<unknown>({ length }));
    for (let index = 0; index < length; index += 1) {
      if (this.#peekTag() === TAG.hole) {
        this.#tag();
        Reflect.deleteProperty(array, index);
      } else array[index] = this.read();
    }
    return this.#endArray(array, TAG.endDense);
  }

  #readSparse(): unknown[] {
    const length = this.bytes.varint();
    if (length > MAX_ARRAY + this.bytes.left) this.#fail();
    const array = this.#keep<unknown[]>([]);
    array.length = length;
    return this.#endArray(array, TAG.endSparse);
  }

  #endArray(array: unknown[], end: number): unknown[] {
    const { length } = array;
    const count = this.#readProperties(array, end);
    if (count !== this.bytes.varint() || length !== this.bytes.varint()) this.#fail();
    return array;
  }

  #readMap(): Map<unknown, unknown> {
    const map = this.#keep(new Map<unknown, unknown>());
    let count = 0;
    for (; this.#peekTag() !== TAG.endMap; count += 2) map.set(this.read(), this.read());
    this.#tag();
    if (count !== this.bytes.varint()) this.#fail();
    return map;
  }

  #readSet(): Set<unknown> {
    const set = this.#keep(new Set<unknown>());
    let count = 0;
    for (; this.#peekTag() !== TAG.endSet; count += 1) set.add(this.read());
    this.#tag();
    if (count !== this.bytes.varint()) this.#fail();
    return set;
  }

  #readHost(): object {
    const id = this.#objects.push({}) - 1;
    const object = this.#delegate.readHostObject();
    this.#objects[id] = object;
    return object;
  }

  #readView(buffer: ArrayBufferLike): ArrayBufferView {
    const tag = this.bytes.byte();
    const offset = this.bytes.varint();
    const size = this.bytes.varint();
    const flags = this.version >= VERSION_OF_FLAGS ? this.bytes.varint() : 0;
    const [, , View] = VIEWS.find((each) => each[0] === tag) ?? [];
    if (View === undefined || offset + size > buffer.byteLength) return this.#fail();
    const { BYTES_PER_ELEMENT: unit = 1 } = View as { BYTES_PER_ELEMENT?: number };
    if (offset % unit !== 0 || size % unit !== 0) return this.#fail();
    const isTracking = (flags & IS_LENGTH_TRACKING) !== 0;
    return this.#keep(new View(buffer, offset, isTracking ? (undefined as never) : size / unit));
  }

  #readError(): Error {
    const id = this.#objects.push({}) - 1;
    let type: ErrorConstructor = Error;
    let message: string | undefined;
    let stack: string | undefined;
    let cause: { readonly value: unknown } | undefined;
    for (let tag = this.bytes.byte(); tag !== ERROR_TAG.end; tag = this.bytes.byte()) {
      if (tag === ERROR_TAG.message) message = this.#readString();
      else if (tag === ERROR_TAG.stack) stack = this.#readString();
      else if (tag === ERROR_TAG.cause) cause = { value: this.read() };
      else type = ERRORS.find((each) => each[0] === tag)?.[1] ?? this.#fail();
    }
    const error = new type(message, cause === undefined ? {} : { cause: cause.value });
    const hidden = { writable: true, enumerable: false, configurable: true };
    Object.defineProperty(error, 'stack', { value: stack, ...hidden });
    this.#objects[id] = error;
    return error;
  }
}

const isBuffer = (value: unknown): value is ArrayBufferLike =>
  value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
