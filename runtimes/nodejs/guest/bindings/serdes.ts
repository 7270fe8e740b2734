/** `internalBinding('serdes')`: what `v8.Serializer` and `v8.Deserializer` are made of (node_serdes.cc). */
import type { Binding } from '../binding-shape.ts';
import { describe } from '../cloning/plain-objects.ts';
import { ValueReader } from '../cloning/value-reader.ts';
import { ValueWriter } from '../cloning/value-writer.ts';
import { bytesOf, newBuffer } from './buffer.ts';

const LOW = 0x1_0000_0000n;

/** Methods that programs define on what they derive from the classes. */
interface Hooks {
  _writeHostObject?(object: object): void;
  _readHostObject?(): unknown;
  _getSharedArrayBufferId?(buffer: SharedArrayBuffer): number;
  _getSharedArrayBufferFromId?(id: number): SharedArrayBuffer;
  _getDataCloneError: new (message: string) => Error;
}

const typeError = (message: string, code: string): TypeError =>
  Object.assign(new TypeError(message), { code });

const orFail = <Value>(name: string, read: () => Value): Value => {
  try {
    return read();
  } catch {
    throw new Error(`${name}() failed`);
  }
};

export const createSerdes = (): Binding => {
  class Serializer {
    readonly #writer = new ValueWriter({
      isHostObject: () => false,
      writeHostObject: (object) => {
        const { _writeHostObject: write } = this.#hooks;
        if (write === undefined) throw this.#dataCloneError(`${describe(object)} could not be cloned.`);
        write.call(this, object);
      },
      sharedBufferId: (buffer) => {
        const { _getSharedArrayBufferId: id } = this.#hooks;
        if (id === undefined) throw this.#dataCloneError(`${describe(buffer)} could not be cloned.`);
        return id.call(this, buffer);
      },
      dataCloneError: (message) => this.#dataCloneError(message),
    });

    get #hooks(): Hooks {
      return this as unknown as Hooks;
    }

    #dataCloneError(message: string): Error {
      return new this.#hooks._getDataCloneError(message);
    }

    writeHeader(): void {
      this.#writer.writeHeader();
    }

    writeValue(value: unknown): boolean {
      this.#writer.write(value);
      return true;
    }

    releaseBuffer(): Uint8Array {
      return newBuffer(this.#writer.bytes.release());
    }

    transferArrayBuffer(id: number, buffer: ArrayBuffer): void {
      this.#writer.transfer(id, buffer);
    }

    writeUint32(value: number): void {
      this.#writer.bytes.varint(value >>> 0);
    }

    writeUint64(high: number, low: number): void {
      this.#writer.bytes.varint64(BigInt(high >>> 0) * LOW + BigInt(low >>> 0));
    }

    writeDouble(value: number): void {
      this.#writer.bytes.double(value);
    }

    writeRawBytes(source: unknown): void {
      if (!ArrayBuffer.isView(source) && !(source instanceof ArrayBuffer)) {
        throw typeError('source must be a TypedArray or a DataView', 'ERR_INVALID_ARG_TYPE');
      }
      this.#writer.bytes.raw(bytesOf(source));
    }

    _setTreatArrayBufferViewsAsHostObjects(isOn: boolean): void {
      this.#writer.treatsViewsAsHostObjects = isOn;
    }
  }

  class Deserializer {
    readonly buffer: ArrayBufferView;
    readonly #reader: ValueReader;

    constructor(buffer: ArrayBufferView) {
      if (!ArrayBuffer.isView(buffer)) {
        throw typeError('buffer must be a TypedArray or a DataView', 'ERR_INVALID_ARG_TYPE');
      }
      this.buffer = buffer;
      const hooks = this as unknown as Hooks;
      this.#reader = new ValueReader(bytesOf(buffer), {
        readHostObject: () => {
          const object = hooks._readHostObject?.call(this);
          if (typeof object === 'object' && object !== null) return object;
          throw typeError('readHostObject must return an object', 'ERR_INVALID_RETURN_VALUE');
        },
        sharedBuffer: (id) => hooks._getSharedArrayBufferFromId?.call(this, id),
      });
    }

    readHeader(): boolean {
      this.#reader.readHeader();
      return true;
    }

    readValue(): unknown {
      return this.#reader.read();
    }

    getWireFormatVersion(): number {
      return this.#reader.version;
    }

    transferArrayBuffer(id: number, buffer: object): void {
      this.#reader.transfer(id, buffer);
    }

    readUint32(): number {
      return orFail('ReadUint32', () => this.#reader.bytes.varint());
    }

    readUint64(): [high: number, low: number] {
      const value = orFail('ReadUint64', () => this.#reader.bytes.varint64());
      return [Number(value / LOW), Number(value % LOW)];
    }

    readDouble(): number {
      return orFail('ReadDouble', () => this.#reader.bytes.double());
    }

    /** Where the bytes begin. */
    _readRawBytes(length: number): number {
      return orFail('ReadRawBytes', () => this.#reader.bytes.take(length));
    }
  }
  return { Serializer, Deserializer };
};
