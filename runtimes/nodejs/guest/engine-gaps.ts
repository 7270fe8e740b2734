/**
 * What Node's library expects of V8 and QuickJS has not, or has in another way. Run before anything of the library is.
 */

import { completeErrors } from './error-stacks.ts';
import { rewordJson } from './error-wording.ts';
import { installWeakRef } from './kept-objects.ts';

type Callable = (...values: never[]) => unknown;

const define = (target: object, name: PropertyKey, value: unknown): void => {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
};

const globals = globalThis as unknown as Record<string, unknown>;

/** Texts as they were before Node's own classes take the names. */
export const native = {
  URL: globals['URL'] as typeof URL,
  TextDecoder: globals['TextDecoder'] as typeof TextDecoder,
  TextEncoder: globals['TextEncoder'] as typeof TextEncoder,
  queueMicrotask: globals['queueMicrotask'] as (job: () => void) => void,
  structuredClone: globals['structuredClone'] as (value: unknown) => unknown,
};

/** There is one thread, so that every operation is atomic. */
const atomics = {
  load: (array: number[], index: number) => array[index],
  store: (array: number[], index: number, value: number) => (array[index] = value),
  exchange: (array: number[], index: number, value: number) => {
    const old = array[index]!;
    array[index] = value;
    return old;
  },
  compareExchange: (array: number[], index: number, expected: number, value: number) => {
    const old = array[index]!;
    if (old === expected) array[index] = value;
    return old;
  },
  add: (array: number[], index: number, value: number) => {
    const old = array[index]!;
    array[index] = old + value;
    return old;
  },
  sub: (array: number[], index: number, value: number) => {
    const old = array[index]!;
    array[index] = old - value;
    return old;
  },
  and: (array: number[], index: number, value: number) => {
    const old = array[index]!;
    array[index] = old & value;
    return old;
  },
  or: (array: number[], index: number, value: number) => {
    const old = array[index]!;
    array[index] = old | value;
    return old;
  },
  isLockFree: () => true,
  wait: () => 'timed-out',
  waitAsync: () => ({ async: false, value: 'timed-out' }),
  notify: () => 0,
  pause: () => undefined,
  [Symbol.toStringTag]: 'Atomics',
};

/** V8 writes native functions on one line, and libraries look for that. */
const shortenNativeFunctions = (): void => {
  const original = Function.prototype.toString;
  const long = '{\n    [native code]\n}';
  const { toString } = {
    toString(this: Callable) {
      const text = original.call(this);
      return text.length < 120 && text.endsWith(long) ? text.replace(long, '{ [native code] }') : text;
    },
  };
  define(Function.prototype, 'toString', toString);
};

/** Names QuickJS or its extensions define and Node defines itself. */
const NODE_DEFINES = [
  'structuredClone',
  'URL',
  'URLSearchParams',
  'TextDecoder',
  'TextEncoder',
  'console',
  'queueMicrotask',
  'performance',
  'DOMException',
  'atob',
  'btoa',
];

export const fillEngineGaps = (): void => {
  for (const name of NODE_DEFINES) delete globals[name];
  if (globals['Atomics'] === undefined) define(globals, 'Atomics', atomics);
  // Looked at while the library starts; nothing of it works, so it is taken away again.
  if (globals['WebAssembly'] === undefined) {
    define(globals, 'WebAssembly', {
      Module: class {},
      Instance: class {},
      Memory: class {},
      compile: () => undefined,
      instantiate: () => undefined,
    });
  }
  installWeakRef(define);
  shortenNativeFunctions();
  completeErrors(Error);
  rewordJson();
};

/** Programs are to see that there is no WebAssembly, rather than one that does nothing. */
export const removeGaps = (): void => {
  delete globals['WebAssembly'];
};
