/** `internalBinding('buffer')`: what Buffer does with bytes and texts. */
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { MAX_STRING_LENGTH } from '../string-length.ts';

/** Order of `encodings` in node.h (enum encoding). */
export const ENCODINGS = [
  'ascii',
  'utf8',
  'base64',
  'utf16le',
  'latin1',
  'hex',
  'buffer',
  'base64url',
] as const;

const encodingOf = (encoding: unknown): string => {
  if (typeof encoding === 'number') return ENCODINGS[encoding] ?? 'utf8';
  switch (encoding) {
    case undefined:
    case 'utf-8':
      return 'utf8';
    case 'ucs2':
    case 'ucs-2':
    case 'utf-16le':
      return 'utf16le';
    case 'binary':
      return 'latin1';
    default:
      return encoding as string;
  }
};

/** The bytes of an ArrayBuffer or of whatever view of one. */
export const bytesOf = (value: ArrayBufferView | ArrayBufferLike): Uint8Array =>
  value instanceof Uint8Array
    ? value
    : ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value);

let bufferPrototype: object | undefined;

/** Makes bytes that nobody else has a Buffer. */
export const newBuffer = (bytes: Uint8Array): Uint8Array =>
  Object.setPrototypeOf(bytes, bufferPrototype!) as Uint8Array;

export const encode = (text: string, encoding: unknown): Uint8Array =>
  host.encodeText(text, encodingOf(encoding));

const outOfRange = (name: string): RangeError =>
  Object.assign(new RangeError(`The value of "${name}" is out of range.`), { code: 'ERR_OUT_OF_RANGE' });

type Slice = (buffer: Uint8Array, start?: number, end?: number) => string;

const slicer = (encoding: string): Slice => {
  const isPlain = encoding === 'utf8' || encoding === 'latin1' || encoding === 'ascii';
  return (buffer, start = 0, end = buffer.length) => {
    const last = end > buffer.length ? buffer.length : end;
    if (start < 0) throw outOfRange('start');
    if (start >= last) return '';
    if (isPlain) {
      const text = host.asciiSlice(buffer, start, last);
      if (text !== undefined) return text;
    }
    return host.decodeText(new Uint8Array(buffer.buffer, buffer.byteOffset + start, last - start), encoding);
  };
};

type Write = (buffer: Uint8Array, text: string, offset?: number, length?: number) => number;

const writer =
  (encoding: string): Write =>
  (buffer, text, offset = 0, length = buffer.length - offset) =>
    host.writeText(buffer, text, offset, Math.min(length, buffer.length - offset), encoding);

/** Methods that take the buffer as `this`. */
const method = (write: Write) =>
  function (this: Uint8Array, text: string, offset?: number, length?: number): number {
    if (typeof text !== 'string') {
      throw Object.assign(new TypeError('argument must be a string'), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    return write(this, text, offset, length);
  };

const fill = (
  buffer: Uint8Array,
  value: unknown,
  start: number,
  end: number,
  encoding?: string,
): number | undefined => {
  if (start < 0 || end > buffer.length) return -2;
  if (start >= end) return undefined;
  const view = bytesOf(buffer);
  if (typeof value !== 'string' && !ArrayBuffer.isView(value)) {
    Uint8Array.prototype.fill.call(view, Number(value) & 255, start, end);
    return undefined;
  }
  const pattern = typeof value === 'string' ? encode(value, encoding) : bytesOf(value);
  if (pattern.length === 0) return -1;
  const first = Math.min(pattern.length, end - start);
  view.set(first < pattern.length ? pattern.subarray(0, first) : pattern, start);
  // What is filled already is copied, twice as much each time.
  for (let filled = first; filled < end - start;) {
    const step = Math.min(filled, end - start - filled);
    view.copyWithin(start + filled, start, start + step);
    filled += step;
  }
  return undefined;
};

const swap = (buffer: Uint8Array, size: number): Uint8Array => {
  const bytes = bytesOf(buffer);
  for (let at = 0; at + size <= bytes.length; at += size) {
    new Uint8Array(bytes.buffer, bytes.byteOffset + at, size).reverse();
  }
  return buffer;
};

/** Buffers of the library's own, whose memory nobody may take away. */
const undetachable = new WeakSet<object>();

/** V8 knows a key that `transfer` would have to have. */
const guardTransfers = (): void => {
  const { prototype } = ArrayBuffer;
  for (const name of ['transfer', 'transferToFixedLength'] as const) {
    const native = prototype[name];
    const guarded = {
      [name](this: ArrayBuffer, ...length: [number?]): ArrayBuffer {
        if (undetachable.has(this))
          throw new TypeError('ArrayBuffer is not detachable and could not be cloned.');
        return native.apply(this, length);
      },
    }[name];
    Object.defineProperty(guarded, 'length', { value: 0, configurable: true });
    Object.defineProperty(prototype, name, { value: guarded });
  }
};

export const createBuffer = (): Binding => {
  guardTransfers();
  const utf8Write = writer('utf8');
  const latin1Write = writer('latin1');
  return {
    atob: (text: string) => {
      const result = host.decodeBase64(text);
      return typeof result === 'number' ? result : host.decodeText(result, 'latin1');
    },
    btoa: (text: string) => {
      for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 255) return -1;
      return host.decodeText(host.encodeText(text, 'latin1'), 'base64');
    },
    byteLengthUtf8: (text: string) => host.utf8Length(text),
    compare: (a: Uint8Array, b: Uint8Array) => host.compareBytes(bytesOf(a), bytesOf(b)),
    compareOffset: (
      source: Uint8Array,
      target: Uint8Array,
      targetStart: number,
      sourceStart: number,
      targetLength: number,
      sourceLength: number,
    ) => {
      if (sourceStart > source.length) throw outOfRange('sourceStart');
      if (targetStart > target.length) throw outOfRange('targetStart');
      return host.compareBytes(
        bytesOf(source).subarray(sourceStart, sourceStart + sourceLength),
        bytesOf(target).subarray(targetStart, targetStart + targetLength),
      );
    },
    copy: (
      source: Uint8Array,
      target: Uint8Array,
      targetStart: number,
      sourceStart: number,
      length: number,
    ) => {
      bytesOf(target).set(bytesOf(source).subarray(sourceStart, sourceStart + length), targetStart);
      return length;
    },
    copyArrayBuffer: (
      target: ArrayBuffer,
      targetStart: number,
      source: ArrayBuffer,
      sourceStart: number,
      length: number,
    ) => new Uint8Array(target).set(new Uint8Array(source, sourceStart, length), targetStart),
    fill,
    indexOfBuffer: (
      buffer: Uint8Array,
      value: Uint8Array,
      offset: number,
      encoding: unknown,
      forward: boolean,
      end?: number,
    ) =>
      host.indexOfBytes(
        bytesOf(buffer),
        bytesOf(value),
        offset,
        forward,
        end ?? buffer.length,
        encodingOf(encoding),
      ),
    indexOfNumber: (buffer: Uint8Array, value: number, offset: number, forward: boolean, end?: number) =>
      host.indexOfByte(bytesOf(buffer), value & 255, offset, forward, end ?? buffer.length),
    indexOfString: (
      buffer: Uint8Array,
      value: string,
      offset: number,
      encoding: unknown,
      forward: boolean,
      end?: number,
    ) =>
      host.indexOfBytes(
        bytesOf(buffer),
        encode(value, encoding),
        offset,
        forward,
        end ?? buffer.length,
        encodingOf(encoding),
      ),
    swap16: (buffer: Uint8Array) => swap(buffer, 2),
    swap32: (buffer: Uint8Array) => swap(buffer, 4),
    swap64: (buffer: Uint8Array) => swap(buffer, 8),
    isUtf8: (value: ArrayBufferView | ArrayBuffer) => host.isUtf8(bytesOf(value)),
    isAscii: (value: ArrayBufferView | ArrayBuffer) => host.isAscii(bytesOf(value)),
    kMaxLength: 2 ** 31 - 1,
    kStringMaxLength: MAX_STRING_LENGTH,
    createUnsafeArrayBuffer: (size: number) => new ArrayBuffer(size),
    arrayBufferAlignedOffset: () => 0,
    setBufferPrototype: (prototype: object) => {
      bufferPrototype = prototype;
    },
    setDetachKey: (buffer: ArrayBuffer) => void undetachable.add(buffer),
    getZeroFillToggle: () => undefined,
    asciiSlice: slicer('ascii'),
    base64Slice: slicer('base64'),
    base64urlSlice: slicer('base64url'),
    latin1Slice: slicer('latin1'),
    hexSlice: slicer('hex'),
    ucs2Slice: slicer('utf16le'),
    utf8Slice: slicer('utf8'),
    base64Write: writer('base64'),
    base64urlWrite: writer('base64url'),
    hexWrite: writer('hex'),
    ucs2Write: writer('utf16le'),
    asciiWriteStatic: latin1Write,
    latin1WriteStatic: latin1Write,
    utf8WriteStatic: utf8Write,
    utf8Write: method(utf8Write),
    latin1Write: method(latin1Write),
  };
};
