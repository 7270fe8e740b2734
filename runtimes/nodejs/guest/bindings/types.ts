/** `internalBinding('types')`, and the same tests where `util` has them: what kind of object a value is. */
import { host } from '../host.ts';

const { classOf } = host;

const isOf = (...examples: unknown[]): ((value: unknown) => boolean) => {
  const [first, second = -1, ...others] = examples.map((example) => classOf(example));
  if (others.length > 0) {
    const all = new Set([first, second, ...others]);
    return (value) => all.has(classOf(value));
  }
  return (value) => {
    const kind = classOf(value);
    return kind === first || kind === second;
  };
};

const asyncFunction = async (): Promise<void> => {};
function* generatorFunction(): Generator {}
async function* asyncGeneratorFunction(): AsyncGenerator {}

const strictArguments = function (): unknown {
  return arguments;
};
// eslint-disable-next-line no-new-func -- arguments of a sloppy function are of another kind
const sloppyArguments = new Function('return arguments');

const isAsyncFunction = isOf(asyncFunction, asyncGeneratorFunction);
const isGeneratorFunction = isOf(generatorFunction, asyncGeneratorFunction);
const isBoxed = isOf(Object(0), Object(''), Object(true), Object(Symbol()), Object(0n));
const isTypedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)!.get!;

const isArrayBuffer = isOf(new ArrayBuffer(0));
const isSharedArrayBuffer = isOf(new SharedArrayBuffer(0));

export const typeTests = {
  isArgumentsObject: isOf(strictArguments(), sloppyArguments()),
  isArrayBuffer,
  isAsyncFunction,
  isBigIntObject: isOf(Object(0n)),
  isBooleanObject: isOf(Object(true)),
  isDate: isOf(new Date(0)),
  isExternal: () => false,
  isGeneratorFunction,
  isGeneratorObject: isOf(generatorFunction(), asyncGeneratorFunction()),
  isMap: isOf(new Map()),
  isMapIterator: isOf(new Map().entries()),
  isModuleNamespaceObject: (value: unknown): boolean =>
    typeof value === 'object' &&
    value !== null &&
    Object.prototype.toString.call(value) === '[object Module]',
  isNativeError: isOf(new Error()),
  isNumberObject: isOf(Object(0)),
  isPromise: isOf(Promise.resolve()),
  isProxy: (value: unknown): boolean =>
    (typeof value === 'object' || typeof value === 'function') && value !== null && host.isProxy(value),
  isRegExp: isOf(/x/),
  isSet: isOf(new Set()),
  isSetIterator: isOf(new Set().entries()),
  isSharedArrayBuffer,
  isStringObject: isOf(Object('')),
  isSymbolObject: isOf(Object(Symbol())),
  isWeakMap: isOf(new WeakMap()),
  isWeakSet: isOf(new WeakSet()),
  isAnyArrayBuffer: isOf(new ArrayBuffer(0), new SharedArrayBuffer(0)),
  isBoxedPrimitive: isBoxed,
};

/** Those that only `internalBinding('util')` has. */
export const viewTests = {
  isArrayBufferView: ArrayBuffer.isView,
  isDataView: isOf(new DataView(new ArrayBuffer(0))),
  isTypedArray: (value: unknown): boolean =>
    ArrayBuffer.isView(value) && isTypedArrayTag.call(value) !== undefined,
  isUint8Array: isOf(new Uint8Array()),
};
