/** V8's format for values (v8/src/objects/value-serializer.cc), version 15: tags that writer and reader share. */

/** The version that is written; readers take older ones, too. */
export const VERSION = 15;

const code = (character: string): number => character.charCodeAt(0);

/** enum class SerializationTag */
export const TAG = {
  version: 0xff,
  padding: 0,
  undefined: code('_'),
  null: code('0'),
  true: code('T'),
  false: code('F'),
  int32: code('I'),
  uint32: code('U'),
  double: code('N'),
  bigint: code('Z'),
  utf8: code('S'),
  oneByte: code('"'),
  twoByte: code('c'),
  reference: code('^'),
  object: code('o'),
  endObject: code('{'),
  dense: code('A'),
  endDense: code('$'),
  sparse: code('a'),
  endSparse: code('@'),
  hole: code('-'),
  date: code('D'),
  trueObject: code('y'),
  falseObject: code('x'),
  numberObject: code('n'),
  bigintObject: code('z'),
  stringObject: code('s'),
  regexp: code('R'),
  map: code(';'),
  endMap: code(':'),
  set: code("'"),
  endSet: code(','),
  buffer: code('B'),
  resizableBuffer: code('~'),
  transferred: code('t'),
  shared: code('u'),
  view: code('V'),
  host: code('\\'),
  error: code('r'),
} as const;

/** enum class ErrorTag */
export const ERROR_TAG = {
  message: code('m'),
  cause: code('c'),
  stack: code('s'),
  end: code('.'),
} as const;

/** Kinds of errors; the rest are plain ones. */
export const ERRORS: readonly (readonly [tag: number, type: ErrorConstructor])[] = [
  [code('E'), EvalError],
  [code('R'), RangeError],
  [code('F'), ReferenceError],
  [code('S'), SyntaxError],
  [code('T'), TypeError],
  [code('U'), URIError],
];

type ViewConstructor = new (buffer: ArrayBufferLike, offset: number, length: number) => ArrayBufferView;

const views = globalThis as unknown as Record<string, ViewConstructor | undefined>;

/** enum class ArrayBufferViewTag */
export const VIEWS: readonly (readonly [tag: number, name: string, type: ViewConstructor | undefined])[] = [
  [code('b'), 'Int8Array'],
  [code('B'), 'Uint8Array'],
  [code('C'), 'Uint8ClampedArray'],
  [code('w'), 'Int16Array'],
  [code('W'), 'Uint16Array'],
  [code('d'), 'Int32Array'],
  [code('D'), 'Uint32Array'],
  [code('h'), 'Float16Array'],
  [code('f'), 'Float32Array'],
  [code('F'), 'Float64Array'],
  [code('q'), 'BigInt64Array'],
  [code('Q'), 'BigUint64Array'],
  [code('?'), 'DataView'],
].map(([tag, name]) => [tag as number, name as string, views[name as string]] as const);

/** A view whose length follows its resizable buffer. */
export const IS_LENGTH_TRACKING = 1;
export const IS_RESIZABLE = 2;

/** The flags of V8's regular expressions, by bit (regexp-flags.h). */
export const REGEXP_FLAGS = 'gimyusdv'.split('').map((flag, index) => [flag, REGEXP_BIT(index)] as const);

/** kLinear is between `s` and `d`. */
function REGEXP_BIT(index: number): number {
  return index < 6 ? 1 << index : 1 << (index + 1);
}
