/** Bytes taken one after the other, in the ways V8's format has for numbers and texts. */
import { host } from '../host.ts';

const SHORT = 32;
const BASE = 0x80;
/** Bytes of a varint of 32 bits. */
const VARINT_SIZE = 5;

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #malformed: () => Error;
  #at = 0;

  /** @param malformed - what is thrown where more is asked for than is there */
  constructor(bytes: Uint8Array, malformed: () => Error) {
    // Of a Buffer, `slice` would be no copy.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#malformed = malformed;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next one, which stays. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  byte(): number {
    return this.#bytes[this.take(1)]!;
  }

  /** Where so many bytes begin, which are passed over. */
  take(count: number): number {
    if (count > this.left) throw this.#malformed();
    const at = this.#at;
    this.#at += count;
    return at;
  }

  /** Of 32 bits: what is above is left out. */
  varint(): number {
    let value = 0;
    for (let index = 0; ; index += 1) {
      const byte = this.byte();
      if (index < VARINT_SIZE) value += (byte % BASE) * 2 ** (7 * index);
      if (byte < BASE) return value % 2 ** 32;
    }
  }

  varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      if (shift < 64n) value |= BigInt(byte % BASE) << shift;
      if (byte < BASE) return BigInt.asUintN(64, value);
    }
  }

  double(): number {
    return this.#view.getFloat64(this.take(8), true);
  }

  bigint(): bigint {
    const bits = this.varint();
    const size = bits >>> 1;
    const start = this.take(size);
    let value = 0n;
    for (let index = size - 1; index >= 0; index -= 1)
      value = (value << 8n) | BigInt(this.#bytes[start + index]!);
    return (bits & 1) === 1 ? -value : value;
  }

  /** A view of so many bytes. */
  raw(count: number): Uint8Array {
    const start = this.take(count);
    return this.#bytes.subarray(start, start + count);
  }

  text(size: number, encoding: 'latin1' | 'utf16le' | 'utf8'): string {
    const start = this.take(size);
    if (encoding !== 'latin1' || size > SHORT) {
      return host.decodeText(
        new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, size),
        encoding,
      );
    }
    let text = '';
    for (let index = 0; index < size; index += 1) text += String.fromCharCode(this.#bytes[start + index]!);
    return text;
  }
}
