/** `internalBinding('zlib')`: compressors that the engine has, as the handles of the library's streams. */
import { AsyncWrap } from '../async-context.ts';
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { NativeObject, crossing, valueOf } from '../native-answers.ts';
import type { Answer } from '../native-answers.ts';
import { bytesOf } from './buffer.ts';
import { defer } from './timers.ts';

type Failure = readonly [message: string, number: number, code: string];

/** What all kinds have in common (node_zlib.cc, CompressionStream). */
class CompressionStream extends AsyncWrap {
  readonly #native = new NativeObject();
  #left: Uint8Array = new Uint8Array(0);
  #onWritten: (() => void) | undefined;
  #isWriting = false;
  #closesLater = false;
  onerror: ((...failure: Failure) => void) | undefined;

  constructor() {
    super('ZLIB');
  }

  /**
   * @param writeState - where the library looks for what is left of output and input
   * @param onWritten - is called after each `write`
   */
  protected start(
    className: string,
    values: readonly unknown[],
    writeState: Uint32Array,
    onWritten: () => void,
  ): void {
    this.#left = bytesOf(writeState);
    this.#onWritten = onWritten;
    this.#native.obtain(() => valueOf(host.zlibMake(className, ...values.map(crossing))) as number);
  }

  /** Works now and tells later, as a thread that has ended would. */
  write(...values: Parameters<CompressionStream['writeSync']>): void {
    const failure = this.#work(values);
    this.#isWriting = true;
    defer(() =>
      this.makeCallback(() => {
        this.#isWriting = false;
        if (failure === undefined) this.#onWritten!.call(this);
        else this.onerror!(...failure);
        if (this.#closesLater) this.close();
      }),
    );
  }

  writeSync(
    flush: number,
    input: ArrayBufferView,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void {
    this.#tell(this.#work([flush, input, inputAt, inputLength, output, outputAt, outputLength]));
  }

  reset(): void {
    this.#tell(valueOf(host.zlibReset(this.#native.number)) as Failure | undefined);
  }

  params(level: number, strategy: number): void {
    this.#tell(valueOf(host.zlibParams(this.#native.number, level, strategy)) as Failure | undefined);
  }

  close(): void {
    this.#closesLater = this.#isWriting;
    if (!this.#isWriting) this.#native.free();
  }

  #work([flush, input, inputAt, inputLength, output, outputAt, outputLength]: Parameters<
    CompressionStream['writeSync']
  >): Failure | undefined {
    const given = bytesOf(input);
    const from = new Uint8Array(given.buffer, given.byteOffset + inputAt, inputLength);
    const into = new Uint8Array(output.buffer, output.byteOffset + outputAt, outputLength);
    const answer: Answer = host.zlibWrite(this.#native.number, flush, from, into, this.#left);
    return answer === undefined ? undefined : (valueOf(answer) as Failure);
  }

  #tell(failure: Failure | undefined): void {
    if (failure !== undefined) this.onerror!(...failure);
  }
}

class Zlib extends CompressionStream {
  readonly #mode: number;

  constructor(mode: number) {
    super();
    this.#mode = mode;
  }

  init(
    windowBits: number,
    level: number,
    memLevel: number,
    strategy: number,
    writeState: Uint32Array,
    onWritten: () => void,
    dictionary: ArrayBufferView | undefined,
    rejectsGarbage: boolean,
  ): void {
    const values = [this.#mode, windowBits, level, memLevel, strategy, dictionary, rejectsGarbage];
    this.start('Zlib', values, writeState, onWritten);
  }
}

type Constructor = new (mode: number) => CompressionStream;

const brotli = (className: string): Constructor =>
  class extends CompressionStream {
    readonly #mode: number;

    constructor(mode: number) {
      super();
      this.#mode = mode;
    }

    init(
      parameters: Uint32Array,
      writeState: Uint32Array,
      onWritten: () => void,
      dictionary: ArrayBufferView | undefined,
    ): void {
      this.start(className, [this.#mode, parameters, dictionary], writeState, onWritten);
    }
  };

const zstd = (className: string): Constructor =>
  class extends CompressionStream {
    init(
      parameters: Uint32Array,
      size: number | undefined,
      writeState: Uint32Array,
      onWritten: () => void,
      dictionary: ArrayBufferView | undefined,
      rejectsGarbage: boolean,
    ): void {
      this.start(className, [parameters, size, dictionary, rejectsGarbage], writeState, onWritten);
    }
  };

export const createZlib = (): Binding => ({
  Zlib,
  BrotliEncoder: brotli('BrotliEncoder'),
  BrotliDecoder: brotli('BrotliDecoder'),
  ZstdCompress: zstd('ZstdCompress'),
  ZstdDecompress: zstd('ZstdDecompress'),
  crc32: (data: string | ArrayBufferView, value: number) =>
    host.crc32(typeof data === 'string' ? data : bytesOf(data), value),
});
