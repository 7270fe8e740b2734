/** Bytes put one after the other, in the ways V8's format has for numbers and texts. */
import { host } from '../host.ts';

const FIRST_SIZE = 256;
/** Texts up to this long are written here; the engine is quicker for longer ones. */
const SHORT = 64;
const BASE = 0x80;

export class ByteWriter {
  #bytes = new Uint8Array(FIRST_SIZE);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  /** All of them, as bytes of their own; the writer begins anew. */
  release(): Uint8Array {
    const result = this.#bytes.slice(0, this.length);
    this.length = 0;
    return result;
  }

  #reserve(count: number): number {
    const start = this.length;
    this.length += count;
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  /** Seven bits a byte, the lowest first (LEB128). */
  varint(value: number): void {
    let rest = value;
    for (; rest >= BASE; rest = Math.floor(rest / BASE)) this.byte((rest % BASE) | BASE);
    this.byte(rest);
  }

  /** The same for up to 64 bits. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 128n; rest >>= 7n) this.byte(Number(rest & 127n) | BASE);
    this.byte(Number(rest));
  }

  double(value: number): void {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value, true);
  }

  /** Sign and size in one number, then digits of 64 bits (BigInt::SerializeDigits). */
  bigint(value: bigint): void {
    const digits: bigint[] = [];
    for (let rest = value < 0n ? -value : value; rest > 0n; rest >>= 64n)
      digits.push(BigInt.asUintN(64, rest));
    this.varint(digits.length * 8 * 2 + (value < 0n ? 1 : 0));
    for (const digit of digits) {
      const at = this.#reserve(8);
      this.#view.setBigUint64(at, digit, true);
    }
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  latin1(text: string): void {
    if (text.length > SHORT) return this.raw(host.encodeText(text, 'latin1'));
    const at = this.#reserve(text.length);
    for (let index = 0; index < text.length; index += 1) this.#bytes[at + index] = text.charCodeAt(index);
  }

  utf16(text: string): void {
    const at = this.#reserve(text.length * 2);
    for (let index = 0; index < text.length; index += 1) {
      this.#view.setUint16(at + index * 2, text.charCodeAt(index), true);
    }
  }
}
