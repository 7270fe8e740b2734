/**
 * `error.stack` as V8 has it: a text that is made when it is first read, of call sites the library may look at
 * (https://v8.dev/docs/stack-trace-api). QuickJS tells the sites and would make a text of its own at once.
 */

import { reword } from './error-wording.ts';

/** A frame, with the methods QuickJS has; the others are added below. */
export interface CallSite {
  isNative(): boolean;
  isConstructor(): boolean;
  getFunction(): unknown;
  getFileName(): string | null;
  getFunctionName(): string | null;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
}

type Prepare = (global: object, error: object, sites: CallSite[]) => unknown;
type Capture = (target: object, until?: Callable) => void;
type Callable = (...values: never[]) => unknown;

interface ErrorClass {
  prepareStackTrace?: unknown;
  stackTraceLimit: unknown;
  captureStackTrace: Capture;
  readonly isError: (this: void, value: unknown) => boolean;
}

/** Between the URL of a module and a number that tells it from another of the same URL. */
export const TWIN_MARK = '\u0001';
/** The code of a CommonJS module outside of its functions: its function has no name, V8 tells what it is called on. */
export const MODULE_FUNCTION_NAME = 'Object.<anonymous>';
/** The file name of the bindings themselves, which no app sees. */
const GUEST_SCRIPT = 'wasmrun:guest';
/** QuickJS's name for the code of a script or module outside of functions. */
const TOP_LEVEL_NAMES = new Set(['', '<anonymous>', '<eval>']);
/** How functions call others, in primordials, and jobs of promises: V8 has no frames for that. */
const CALLERS = new Set(['', 'call', 'apply', 'bound call', 'bound apply']);

/** Methods of V8's call sites that QuickJS has not, and what they answer. */
const DEFAULT_ANSWERS: Readonly<Record<string, unknown>> = {
  isEval: false,
  getEvalOrigin: undefined,
  getThis: undefined,
  getTypeName: null,
  getMethodName: null,
  isToplevel: true,
  isAsync: false,
  isPromiseAll: false,
  getPromiseIndex: null,
  getScriptHash: '',
  getPosition: 0,
  getEnclosingLineNumber: 0,
  getEnclosingColumnNumber: 0,
};

class Trace {
  sites: CallSite[];
  readonly top: CallSite | undefined;
  isMade = false;
  text: unknown;

  constructor(sites: CallSite[]) {
    this.sites = sites;
    this.top = sites[0];
  }
}

class Returned {
  constructor(object: object) {
    return object;
  }
}

/** A field that any object can be given, and nobody else can see. */
class Traced extends Returned {
  #trace: Trace | undefined;

  static get(object: object): Trace | undefined {
    return #trace in object ? object.#trace : undefined;
  }

  static set(object: object, trace: Trace): void {
    const traced = #trace in object ? object : new Traced(object);
    traced.#trace = trace;
  }
}

/** The trace of an object or of what it inherits from. */
const traceOf = (object: unknown): [trace: Trace, holder: object] | undefined => {
  for (let each = object; typeof each === 'object' && each !== null; each = Object.getPrototypeOf(each)) {
    const trace = Traced.get(each);
    if (trace !== undefined) return [trace, each];
  }
  return undefined;
};

let prepare: Prepare | undefined;

/** Gives the function of the library that makes a text of sites (lib/internal/errors.js). */
export const usePrepareCallback = (given: Prepare): void => {
  prepare = given;
};

const plainText = (error: object, sites: readonly CallSite[]): string =>
  [Error.prototype.toString.call(error), ...sites.map(String)].join('\n    at ');

const stackProperty: PropertyDescriptor = {
  get(this: unknown): unknown {
    const found = traceOf(this);
    if (found === undefined) return undefined;
    const [trace, error] = found;
    if (!trace.isMade) {
      trace.isMade = true;
      trace.text =
        prepare === undefined ? plainText(error, trace.sites) : prepare(globalThis, error, trace.sites);
      trace.sites = [];
    }
    return trace.text;
  },
  set(this: object, text: unknown): void {
    const trace = Traced.get(this);
    if (trace === undefined) {
      Object.defineProperty(this, 'stack', {
        value: text,
        writable: true,
        configurable: true,
        enumerable: true,
      });
    } else {
      trace.isMade = true;
      trace.text = text;
    }
  },
  enumerable: false,
  configurable: true,
};

/** Where an error was made. */
export const siteOf = (error: unknown): CallSite | undefined => traceOf(error)?.[0].top;

/** The nearest frames of whoever calls the bindings, at most so many. */
export const callers = (count: number): readonly CallSite[] => {
  const errors = Error as unknown as ErrorClass;
  const limit = errors.stackTraceLimit;
  errors.stackTraceLimit = count;
  try {
    return traceOf(new Error('for its call sites'))?.[0].sites ?? [];
  } finally {
    errors.stackTraceLimit = limit;
  }
};

/** Of the frames those an app knows of, as many as it wants. */
const visible = (sites: CallSite[], limit: unknown): CallSite[] =>
  sites
    .filter((site) =>
      site.isNative() ? !CALLERS.has(site.getFunctionName() ?? '') : site.getFileName() !== GUEST_SCRIPT,
    )
    .slice(0, Number(limit));

const define = (target: object, name: PropertyKey, value: unknown): void => {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
};

const completeCallSite = (prototype: CallSite): void => {
  for (const [name, answer] of Object.entries(DEFAULT_ANSWERS)) define(prototype, name, () => answer);
  const { getFunctionName, getFileName } = prototype;
  define(prototype, 'getFunctionName', function (this: CallSite) {
    const name = getFunctionName.call(this) ?? '';
    return TOP_LEVEL_NAMES.has(name) || name === MODULE_FUNCTION_NAME ? null : name;
  });
  define(prototype, 'getFileName', function (this: CallSite) {
    return getFileName.call(this)?.split(TWIN_MARK, 1)[0] ?? null;
  });
  define(prototype, 'getScriptNameOrSourceURL', function (this: CallSite) {
    return this.getFileName();
  });
  define(prototype, 'toString', function (this: CallSite) {
    const name = this.getFunctionName();
    const place = this.isNative()
      ? '<anonymous>'
      : `${this.getFileName()}:${this.getLineNumber()}:${this.getColumnNumber()}`;
    if (name === null) {
      return getFunctionName.call(this) === MODULE_FUNCTION_NAME
        ? `${MODULE_FUNCTION_NAME} (${place})`
        : place;
    }
    return `${this.isConstructor() ? 'new ' : ''}${name} (${place})`;
  });
};

/** QuickJS counts the frames that are hidden, too, and has room for this many. */
const MOST_FRAMES = 64;
const nativeLimit = (limit: unknown): unknown =>
  typeof limit === 'number' && limit > 0 ? Math.min(MOST_FRAMES, limit * 2 + 6) : limit;

/** Gives a realm's errors stacks like those of V8. */
export const completeErrors = (errors: ErrorClass): void => {
  const setLimit = Object.getOwnPropertyDescriptor(errors, 'stackTraceLimit')!.set!;
  const { isError, captureStackTrace: nativeCapture } = errors;
  let limit: unknown = 10;
  let isKnown = false;
  let isCapturing = false;
  // QuickJS calls this for every error that is made.
  errors.prepareStackTrace = (error: object, sites: CallSite[]) => {
    // It asks for whatever is thrown, and again where an error is thrown once more.
    if (!isCapturing && (!isError(error) || Traced.get(error) !== undefined)) return '';
    if (!isKnown && sites.length > 0) {
      isKnown = true;
      completeCallSite(Object.getPrototypeOf(sites[0]) as CallSite);
    }
    const own = isCapturing && sites[0]?.getFunction() === captureStackTrace ? sites.slice(1) : sites;
    if (!isCapturing) reword(error as Error, sites[0]);
    Traced.set(error, new Trace(visible(own, limit)));
    if (!isCapturing) Object.defineProperty(error, 'stack', stackProperty);
    // With nothing to keep QuickJS would ask again in every function that the error passes.
    return '';
  };
  // From here on it is an ordinary property.
  delete errors.prepareStackTrace;
  const { captureStackTrace } = {
    captureStackTrace(target: object, until: Callable = captureStackTrace): void {
      isCapturing = true;
      try {
        nativeCapture.call(errors, target, until);
      } finally {
        isCapturing = false;
      }
      Object.defineProperty(target, 'stack', stackProperty);
    },
  };
  define(errors, 'captureStackTrace', captureStackTrace);
  Object.defineProperty(errors, 'stackTraceLimit', {
    get: () => limit,
    set: (wanted: unknown) => {
      limit = wanted;
      setLimit.call(errors, nativeLimit(wanted));
    },
    configurable: true,
    enumerable: true,
  });
  errors.stackTraceLimit = limit;
};
