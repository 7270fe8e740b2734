/** `internalBinding('util')`: what JavaScript cannot see of its own values. */
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { privateSymbols } from '../constants.ts';
import { callers } from '../error-stacks.ts';
import { host } from '../host.ts';
import { typeTests, viewTests } from './types.ts';

/** util.h: PropertyFilter of V8. */
const ONLY_ENUMERABLE = 2;
const SKIP_SYMBOLS = 16;
const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;
const PROMISE_PENDING = 0;

const getOwnNonIndexProperties = (object: object, filter: number): PropertyKey[] =>
  Reflect.ownKeys(object).filter((key) => {
    if (typeof key === 'string' && ARRAY_INDEX.test(key) && Number(key) < 2 ** 32 - 1) return false;
    if ((filter & SKIP_SYMBOLS) !== 0 && typeof key === 'symbol') return false;
    return (
      (filter & ONLY_ENUMERABLE) === 0 || Object.getOwnPropertyDescriptor(object, key)!.enumerable === true
    );
  });

const getConstructorName = (object: object): string => {
  for (let each: object | null = object; each !== null; each = Object.getPrototypeOf(each) as object | null) {
    const value = Object.getOwnPropertyDescriptor(each, 'constructor')?.value as unknown;
    if (typeof value === 'function' && value.name !== '') return value.name;
  }
  return '';
};

/** What is in a map, set or iterator; pairs stand one after the other. */
const previewEntries = (object: object, isIterator?: boolean): unknown => {
  const entries: unknown[] = [];
  let hasKeys = false;
  if (typeTests.isMap(object)) {
    hasKeys = true;
    for (const [key, value] of Map.prototype.entries.call(object)) entries.push(key, value);
  } else if (typeTests.isSet(object)) {
    for (const value of Set.prototype.values.call(object)) entries.push(value);
  }
  // QuickJS does not show what an iterator has left, and to look would use it up.
  return isIterator === true ? [entries, hasKeys] : entries;
};

const getCallSites = (count: number): object[] => {
  const sites: object[] = [];
  const errors = Error as unknown as { prepareStackTrace: unknown };
  const before = errors.prepareStackTrace;
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = count + 1;
    errors.prepareStackTrace = (_: Error, found: Record<string, () => unknown>[]) => {
      for (const site of found.slice(1)) {
        sites.push({
          functionName: site['getFunctionName']!() ?? '',
          scriptId: '0',
          scriptName: site['getFileName']!() ?? '',
          lineNumber: site['getLineNumber']!(),
          columnNumber: site['getColumnNumber']!(),
          column: site['getColumnNumber']!(),
        });
      }
      return '';
    };
    void new Error('for its call sites').stack;
  } finally {
    errors.prepareStackTrace = before;
    Error.stackTraceLimit = limit;
  }
  return sites;
};

/** Frames that are looked at where the library does not say how many (node_util.cc). */
const USUAL_FRAMES = 10;

/** Whether the nearest code that is not the library's belongs to an installed package. */
const isInsideNodeModules = (frames: number = USUAL_FRAMES): boolean => {
  for (const site of callers(frames)) {
    const file = site.getFileName();
    if (file !== null && file !== '' && !file.startsWith('node:')) return /[/\\]node_modules[/\\]/.test(file);
  }
  return false;
};

/** Properties that are modules' exports, loaded when they are first used. */
const defineLazyProperties = (target: object, id: string, keys: string[], enumerable = true): void => {
  for (const key of keys) {
    let get = (): unknown => {
      const { requireLibrary } = lazily;
      const value = requireLibrary!(id)[key];
      Object.defineProperty(target, key, { value, writable: true, enumerable, configurable: true });
      return value;
    };
    Object.defineProperty(get, 'name', { value: key });
    const set = (value: unknown): void => {
      Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
    };
    Object.defineProperty(set, 'name', { value: key });
    Object.defineProperty(target, key, { get, set, enumerable, configurable: true });
  }
};

/** Filled in by the boot, once the library's `require` is there. */
export const lazily: { requireLibrary?: (id: string) => Record<string, unknown> } = {};

export const createUtil = (): Binding => ({
  ...typeTests,
  ...viewTests,
  privateSymbols,
  constants: shapedBinding('util')['constants'],
  shouldAbortOnUncaughtToggle: new Uint32Array(1),
  isInsideNodeModules,
  defineLazyProperties,
  getPromiseDetails: (promise: unknown) => {
    const [state, result] = host.promise(promise);
    return state === PROMISE_PENDING ? [state] : [state, result];
  },
  getProxyDetails: (value: unknown, both = true) => {
    if (!typeTests.isProxy(value)) return undefined;
    const [target, handler] = host.proxyParts(value as object);
    return both ? [target, handler] : target;
  },
  getCallerLocation: () => undefined,
  previewEntries,
  getOwnNonIndexProperties,
  getConstructorName,
  getExternalValue: () => 0n,
  getCallSites,
  getSharedArrayBufferGrowable: (buffer: SharedArrayBuffer) => buffer.growable,
  constructSharedArrayBuffer: (length: number, maxByteLength?: number) =>
    maxByteLength === undefined
      ? new SharedArrayBuffer(length)
      : new SharedArrayBuffer(length, { maxByteLength }),
  sleep: (milliseconds: number) => host.sleep(milliseconds),
  parseEnv: (text: string) => JSON.parse(host.parseEnv(text)) as object,
  arrayBufferViewHasBuffer: () => true,
  isArrayBufferDetached: (buffer: ArrayBuffer) => buffer.detached,
  markPromiseAsHandled: (promise: Promise<unknown>) => void promise.catch(() => {}),
  guessHandleType: (fd: number) => HANDLE_TYPES.indexOf(host.handleType(fd)),
});

/** Order of `handleTypes` in lib/internal/util.js. */
const HANDLE_TYPES = ['TCP', 'TTY', 'UDP', 'FILE', 'PIPE', 'UNKNOWN', 'INVALID'];
