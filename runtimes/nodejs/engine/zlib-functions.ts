/**
 * The engine's half of `internalBinding('zlib')`: zlib, Brotli and Zstandard of the engine's own Node work from one
 * place of the guest's memory into another.
 */
import type { HostFunction } from './bridge.ts';
import { engineBinding } from './engine-binding.ts';
import { zlib } from './lazy-modules.ts';
import { answer } from './native-answers.ts';
import type { NativeObjects } from './native-objects.ts';
import { Signature } from './signature.ts';
import type { Crossing } from './values.ts';
import {
  brotliDecoderMemory,
  brotliEncoderMemory,
  deflateMemory,
  zstdCompressMemory,
  zstdDecompressMemory,
} from './zlib-memory.ts';
import type { ZlibMemory } from './zlib-memory.ts';

interface NativeStream {
  init(...values: unknown[]): void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  reset(): void;
  params(level: number, strategy: number): void;
  close(): void;
}

const constructors = engineBinding('zlib') as unknown as Record<string, new (mode?: number) => NativeStream>;

/** zlib.h: Z_MEM_ERROR. */
const MEMORY_ERROR = -4;
/** brotli: large windows, of a gigabyte, are not for guests. */
const BROTLI_ENCODER_LARGE_WINDOW = 6;
const BROTLI_DECODER_LARGE_WINDOW = 1;
/** zstd.h, ZSTD_c_nbWorkers. */
const ZSTD_WORKERS = 400;
const UNSET = 2 ** 32 - 1;

type Failure = readonly [message: string, number: number, code: string];

const nothing = (): undefined => undefined;

/** A compressor or decompressor of the guest. */
class ZlibStream {
  readonly #native: NativeStream;
  readonly #memory: ZlibMemory;
  readonly #maxFlush: number;
  /** Room left in the output, then what is left of the input. */
  readonly #left = new Uint32Array(2);
  #failure: Failure | undefined;
  #worked = 0;

  constructor(native: NativeStream, memory: ZlibMemory, maxFlush: number) {
    this.#native = native;
    this.#memory = memory;
    this.#maxFlush = maxFlush;
    // It has this one place for who is to be told of errors.
    Object.assign(native, {
      onerror: (...failure: Failure) => {
        this.#failure = failure;
      },
    });
  }

  get left(): Uint32Array {
    return this.#left;
  }

  /** Bytes of memory it takes now. */
  get size(): number {
    const { fixed, growing, perByte } = this.#memory;
    return fixed + Math.min(growing, perByte * this.#worked);
  }

  write(flush: number, input: Uint8Array, output: Uint8Array): Failure | undefined {
    if (!(Number.isInteger(flush) && flush >= 0 && flush <= this.#maxFlush)) {
      throw new TypeError('No such kind of flush');
    }
    const failure = this.#watched(() =>
      this.#native.writeSync(flush, input, 0, input.length, output, 0, output.length),
    );
    this.#worked += this.#memory.byOutput ? output.length - this.#left[0]! : input.length - this.#left[1]!;
    return failure;
  }

  reset(): Failure | undefined {
    return this.#watched(() => this.#native.reset());
  }

  params(level: number, strategy: number): Failure | undefined {
    return this.#watched(() => this.#native.params(level, strategy));
  }

  close(): void {
    this.#native.close();
  }

  #watched(action: () => void): Failure | undefined {
    this.#failure = undefined;
    action();
    return this.#failure;
  }
}

interface Kind {
  readonly signature: Signature;
  readonly maxFlush: number;
  /** Whether the mode, the first value, is told to the constructor. */
  readonly hasMode: boolean;
  /** Throws where the parameters are not for guests: before there is a stream, which must be started. */
  memory(values: readonly unknown[]): ZlibMemory;
  /** Starts the native stream, given where it puts what is left. */
  init(native: NativeStream, values: readonly unknown[], left: Uint32Array): void;
}

const words = (bytes: unknown): Uint32Array => {
  const { buffer, byteLength } = Uint8Array.from(bytes as Uint8Array);
  return new Uint32Array(buffer, 0, byteLength >> 2);
};

/** The parameters, if one of them is not set. */
const without = (parameters: Uint32Array, index: number): Uint32Array => {
  const value = parameters[index] ?? UNSET;
  if (value === 0 || value === UNSET) return parameters;
  throw Object.assign(new Error('Initialization failed'), { code: 'ERR_ZLIB_INITIALIZATION_FAILED' });
};

type MemoryOf = (parameters: Uint32Array) => ZlibMemory;

const brotli = (memory: MemoryOf, largeWindow: number): Kind => ({
  signature: new Signature('8-9 bytes bytes?'),
  maxFlush: 3,
  hasMode: true,
  memory: ([, parameters]) => memory(without(words(parameters), largeWindow)),
  init: (native, [, parameters, dictionary], left) =>
    native.init(words(parameters), left, nothing, dictionary ?? undefined),
});

const zstd = (memory: MemoryOf): Kind => ({
  signature: new Signature('bytes number? bytes? boolean'),
  maxFlush: 2,
  hasMode: false,
  memory: ([parameters]) => memory(without(words(parameters), ZSTD_WORKERS)),
  init: (native, [parameters, size, dictionary, rejectsGarbage], left) =>
    native.init(words(parameters), size ?? undefined, left, nothing, dictionary ?? undefined, rejectsGarbage),
});

const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  [
    'Zlib',
    {
      signature: new Signature('1-7 0-15 int 1-9 0-4 bytes? boolean'),
      maxFlush: 5,
      hasMode: true,
      memory: ([mode, windowBits, , memLevel]) =>
        deflateMemory(mode as number, windowBits as number, memLevel as number),
      init: (native, [, windowBits, level, memLevel, strategy, dictionary, rejectsGarbage], left) =>
        native.init(
          windowBits,
          level,
          memLevel,
          strategy,
          left,
          nothing,
          dictionary ?? undefined,
          rejectsGarbage,
        ),
    },
  ],
  ['BrotliEncoder', brotli(brotliEncoderMemory, BROTLI_ENCODER_LARGE_WINDOW)],
  ['BrotliDecoder', brotli(brotliDecoderMemory, BROTLI_DECODER_LARGE_WINDOW)],
  ['ZstdCompress', zstd(zstdCompressMemory)],
  ['ZstdDecompress', zstd(zstdDecompressMemory)],
]);

const CLASS = 'ZlibStream';

export const zlibFunctions = (objects: NativeObjects): Readonly<Record<string, HostFunction>> => {
  const make = (className: string, values: readonly Crossing[]): number => {
    const kind = KINDS.get(className);
    const given = kind?.signature.convert(values, objects);
    if (kind === undefined || given === undefined)
      throw new TypeError(`Arguments of ${className} are not acceptable`);
    const memory = kind.memory(given);
    objects.reserve(memory.fixed);
    const Native = constructors[className]!;
    const native = kind.hasMode ? new Native(given[0] as number) : new Native();
    const stream = new ZlibStream(native, memory, kind.maxFlush);
    kind.init(native, given, stream.left);
    return objects.add(CLASS, stream, stream.size);
  };
  const streamOf = (number: number): ZlibStream => {
    const stream = objects.find(number, CLASS);
    if (stream === undefined) throw new TypeError('Illegal invocation');
    return stream as ZlibStream;
  };
  return {
    zlibMake: (className: string, ...values: Crossing[]) => answer(() => make(className, values)),
    zlibWrite: (number: number, flush: number, input: Uint8Array, output: Uint8Array, left: Uint8Array) =>
      answer(() => {
        const stream = streamOf(number);
        const failure = stream.write(flush, input, output);
        left.set(new Uint8Array(stream.left.buffer));
        if (failure !== undefined) return failure;
        if (objects.resize(number, stream.size)) return undefined;
        return ['Not enough memory for it in a sandbox of wasmrun', MEMORY_ERROR, 'Z_MEM_ERROR'];
      }),
    zlibReset: (number: number) => answer(() => streamOf(number).reset()),
    zlibParams: (number: number, level: number, strategy: number) =>
      answer(() => streamOf(number).params(level | 0, strategy | 0)),
    crc32: (data: string | Uint8Array, value: number) => zlib().crc32(data, value),
  };
};
