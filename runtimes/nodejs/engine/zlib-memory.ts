/**
 * How much of the engine's memory a compressor takes. The libraries take it as data comes, so it is counted the same
 * way: a part at once, and more with every byte up to an end. The figures are what was measured, rounded up.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

export interface ZlibMemory {
  /** Bytes that are taken at once. */
  readonly fixed: number;
  /** Bytes that are taken at most besides. */
  readonly growing: number;
  /** How many of them each byte of data takes. */
  readonly perByte: number;
  /** Whether it is data that comes out; else what goes in. */
  readonly byOutput: boolean;
}

/** node_zlib.cc, enum node_zlib_mode. */
const DEFLATE = 1;
const GZIP = 3;
const DEFLATE_RAW = 5;
const COMPRESSES = new Set([DEFLATE, GZIP, DEFLATE_RAW]);

/** zconf.h: what deflate and inflate take. */
export const deflateMemory = (mode: number, windowBits: number, memLevel: number): ZlibMemory => ({
  fixed: COMPRESSES.has(mode) ? 2 ** (windowBits + 2) + 2 ** (memLevel + 9) + 8 * KIB : 48 * KIB,
  growing: 0,
  perByte: 0,
  byOutput: false,
});

/** brotli/encode.h: enum BrotliEncoderParameter. */
const QUALITY = 1;
const WINDOW = 2;
const DEFAULT_QUALITY = 11;
const DEFAULT_WINDOW = 22;
const MAX_WINDOW = 24;
/** From this quality on there are tables with an entry for each byte of the window. */
const BEST_QUALITIES = 9;
/** Marks a parameter that was not given. */
const UNSET = 2 ** 32 - 1;

const given = (parameters: Uint32Array, index: number, otherwise: number): number => {
  const value = parameters[index] ?? UNSET;
  return value === UNSET ? otherwise : value;
};

export const brotliEncoderMemory = (parameters: Uint32Array): ZlibMemory => {
  const quality = given(parameters, QUALITY, DEFAULT_QUALITY);
  const window = 2 ** Math.min(given(parameters, WINDOW, DEFAULT_WINDOW), MAX_WINDOW);
  const isBest = quality >= BEST_QUALITIES;
  return {
    fixed: MIB,
    growing: quality < 2 ? 0 : 2 * window + (isBest ? 32 : 4) * MIB,
    perByte: isBest ? 16 : 4,
    byOutput: false,
  };
};

export const brotliDecoderMemory = (): ZlibMemory => ({
  fixed: 256 * KIB,
  growing: 2 ** MAX_WINDOW,
  perByte: 1,
  byOutput: true,
});

/** zstd.h: ZSTD_cParameter and ZSTD_dParameter. */
const ZSTD_LEVEL = 100;
const ZSTD_LOGS = [101, 102, 103, 161];
const ZSTD_MAX_WINDOW = 100;
const ZSTD_DEFAULT_MAX_WINDOW = 27;
const ZSTD_DEFAULT_LEVEL = 3;
/** Up to which level how much is taken. */
const ZSTD_LEVELS: readonly (readonly [level: number, bytes: number])[] = [
  [2, 2 * MIB],
  [5, 5 * MIB],
  [9, 16 * MIB],
  [15, 72 * MIB],
  [19, 96 * MIB],
  [20, 200 * MIB],
  [21, 400 * MIB],
];
const ZSTD_HIGHEST = 760 * MIB;

export const zstdCompressMemory = (parameters: Uint32Array): ZlibMemory => {
  // Negative levels are fast ones.
  const level = given(parameters, ZSTD_LEVEL, ZSTD_DEFAULT_LEVEL) | 0;
  let fixed = ZSTD_LEVELS.find(([highest]) => level <= highest)?.[1] ?? ZSTD_HIGHEST;
  for (const index of ZSTD_LOGS) fixed += 8 * (2 ** given(parameters, index, 0) - 1);
  return { fixed, growing: 0, perByte: 0, byOutput: false };
};

export const zstdDecompressMemory = (parameters: Uint32Array): ZlibMemory => ({
  fixed: 512 * KIB,
  growing: 2 ** given(parameters, ZSTD_MAX_WINDOW, ZSTD_DEFAULT_MAX_WINDOW),
  perByte: 1,
  byOutput: true,
});
