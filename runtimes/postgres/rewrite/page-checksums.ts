/**
 * Computes the checksums of pages by vectors. Whatever page comes from a file or goes there is summed up
 * (src/backend/storage/page/bufpage.c), by 32 sums at once, an algorithm that was chosen for vectors
 * (src/include/storage/checksum_impl.h); this build of PostgreSQL has none, and keeps the sums in memory.
 *
 * A page is 64 rows of 32 words, and each of 32 sums takes the word of its column from one row after the other:
 * `sum = ((sum ^ word) * PRIME) ^ ((sum ^ word) >> 17)`. Two rounds of zeroes come last, as rows do. All sums and the
 * number of the block, put together by exclusive or, are the checksum: the remainder by 65535, plus 1.
 *
 * What stands in the page for its checksum counts as 0. PostgreSQL writes 0 there for that time; here the page is not
 * written to: the sum that comes upon it begins with it, and the one takes away the other.
 */
import { signed, unsigned } from '../../../src/wasm/leb128.ts';
import type { WasmModule } from '../../../src/wasm/wasm-module.ts';

/** WebAssembly Core Specification, binary format. */
const I32 = 0x7f;
const V128 = 0x7b;
const NO_RESULT = 0x40;
const OP = {
  loop: 0x03,
  end: 0x0b,
  branchIf: 0x0d,
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  load16: 0x2f,
  constant: 0x41,
  notEqual: 0x47,
  add: 0x6a,
  remainder: 0x70,
  xor: 0x73,
} as const;
/** Instructions for vectors have a prefix, and numbers of their own (SIMD proposal, BinarySIMD.md). */
const vector = (operation: number): number[] => [0xfd, ...unsigned(operation)];
/** `v128.load`, `v128.xor`; the others are those of `i32x4`, on four words. */
const WORDS = {
  load: vector(0),
  fill: vector(17),
  extract: vector(27),
  replace: vector(28),
  xor: vector(81),
  shiftRight: vector(173),
  multiply: vector(181),
} as const;
const VECTOR_SIZE = 16;
/** As powers of two: pages are aligned as words are. */
const ALIGNED = 2;
const ALIGNED_16 = 1;

const constant = (value: number): number[] => [OP.constant, ...signed(value)];

/** checksum_impl.h: FNV_PRIME. */
const PRIME = constant(16_777_619);
const SHIFT = 17;
const ROUNDS_OF_ZEROES = 2;
/** What holds N_SUMS of 32 bits. */
const VECTORS = 8;
const ROW_SIZE = VECTORS * VECTOR_SIZE;
/** BLCKSZ */
const PAGE_SIZE = 8192;
const MODULUS = 65_535;
/** Where a page has its checksum (bufpage.h: pd_checksum): the lower half of the first vector's third word. */
const CHECKSUM_OFFSET = 8;
const CHECKSUM_WORD = CHECKSUM_OFFSET / 4;

/** In the version that is known: the address of checksumBaseOffsets, what the sums begin with. */
const BASE_OFFSETS = constant(1_600_256);
/** How the function that is known begins, with `memory.copy`, and how often it multiplies: loops are unrolled. */
const COPY_OFFSETS = Buffer.from([...BASE_OFFSETS, ...constant(ROW_SIZE), 0xfc, 0x0a, 0, 0]);
const MULTIPLY = Buffer.from([...PRIME, 0x6c]);
const MULTIPLICATIONS = 10;

/** Locals: parameters first, then words, then vectors. */
const PAGE = 0;
const BLOCK = 1;
const PAGE_END = 2;
const FIRST_SUM = 3;
const TEMPORARY = FIRST_SUM + VECTORS;
const PRIMES = TEMPORARY + 1;
const LOCALS = [2, 1, I32, VECTORS + 2, V128];
const SUMS = Array.from({ length: VECTORS }, (_, index) => FIRST_SUM + index);

const get = (local: number): number[] => [OP.get, local];
const set = (local: number, ...value: readonly (readonly number[])[]): number[] => [
  ...value.flat(),
  OP.set,
  local,
];
const load = (address: readonly number[], offset: number): number[] => [
  ...address,
  ...WORDS.load,
  ALIGNED,
  ...unsigned(offset),
];
const together = (xor: readonly number[], values: readonly (readonly number[])[]): readonly number[] =>
  values.reduce((left, right) => [...left, ...right, ...xor]);

/** @param input - the sums and their words by exclusive or; with zeroes that is the sums alone */
const mix = (sums: number, input: readonly number[]): number[] =>
  [
    [...input, OP.tee, TEMPORARY],
    [...get(PRIMES), ...WORDS.multiply],
    [...get(TEMPORARY), ...constant(SHIFT), ...WORDS.shiftRight],
    [...WORDS.xor, OP.set, sums],
  ].flat();

/** Stands where pg_checksum_page(page, block) was. */
const checksumPage = (): number[] => {
  const written = [...get(PAGE), OP.load16, ALIGNED_16, CHECKSUM_OFFSET];
  const words = [0, 1, 2, 3].map((word) => [...get(TEMPORARY), ...WORDS.extract, word]);
  return [
    LOCALS,
    set(PRIMES, PRIME, WORDS.fill),
    set(PAGE_END, get(PAGE), constant(PAGE_SIZE), [OP.add]),
    ...SUMS.map((sums, index) => set(sums, load(BASE_OFFSETS, index * VECTOR_SIZE))),
    set(TEMPORARY, constant(0), WORDS.fill, written, [...WORDS.replace, CHECKSUM_WORD]),
    set(FIRST_SUM, get(FIRST_SUM), get(TEMPORARY), WORDS.xor),
    [OP.loop, NO_RESULT],
    ...SUMS.map((sums, index) =>
      mix(sums, together(WORDS.xor, [get(sums), load(get(PAGE), index * VECTOR_SIZE)])),
    ),
    [...get(PAGE), ...constant(ROW_SIZE), OP.add, OP.tee, PAGE],
    [...get(PAGE_END), OP.notEqual, OP.branchIf, 0, OP.end],
    ...Array.from({ length: ROUNDS_OF_ZEROES }, () => SUMS.flatMap((sums) => mix(sums, get(sums)))),
    set(TEMPORARY, together(WORDS.xor, SUMS.map(get))),
    together([OP.xor], [...words, get(BLOCK)]),
    [...constant(MODULUS), OP.remainder, ...constant(1), OP.add, OP.end],
  ].flat();
};

const replace = (old: Uint8Array): Uint8Array => {
  const body = Buffer.from(old);
  const multiplications = body.toString('hex').split(MULTIPLY.toString('hex')).length - 1;
  if (!body.includes(COPY_OFFSETS) || multiplications !== MULTIPLICATIONS)
    throw new Error('the module computes checksums of pages in another way');
  return Uint8Array.from(checksumPage());
};

/**
 * @param imported - how many functions the module imports
 * @throws {Error} where the function that is replaced is not the one that is known
 */
export const checksumByVectors = (module: WasmModule, imported: number): void => {
  const number = module.exportedFunctions().get('pg_checksum_page');
  if (number === undefined) throw new Error('the module has no checksums of pages');
  module.changeBodies(new Map([[number - imported, replace]]));
};
