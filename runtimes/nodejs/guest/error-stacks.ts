/**
 * `error.stack` as V8 has it. QuickJS asks `Error.prepareStackTrace` when an error is made; that stays a function of
 * ours, which asks the library's as V8 does, and what programs set is kept apart.
 */

export interface CallSite {
  isNative(): boolean;
  getFileName(): string | null;
  getFunctionName(): string | null;
  getLineNumber(): number;
  getColumnNumber(): number;
}

type PrepareCallback = (realm: typeof globalThis, error: Error, sites: readonly CallSite[]) => unknown;

/** The guest's own code, which is no more the app's business than C++ is in Node. */
const OWN_FILE = 'wasmrun:guest';

/** Of QuickJS, looked at before the library takes the name. */
const slot = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');

let prepare: PrepareCallback | undefined;
let isPreparing = false;

const plain = (error: Error, sites: readonly CallSite[]): string =>
  [String(error), ...sites.map((site) => `    at ${String(site)}`)].join('\n');

const onError = (error: Error, sites: readonly CallSite[]): unknown => {
  const visible = sites.filter((site) => site.getFileName() !== OWN_FILE && !site.isNative());
  // An error in here would ask for its stack again.
  if (isPreparing || prepare === undefined) return plain(error, visible);
  isPreparing = true;
  try {
    return prepare(globalThis, error, visible);
  } finally {
    isPreparing = false;
  }
};

/** What the library has for V8 (`setPrepareStackTraceCallback`). */
export const usePrepareCallback = (callback: PrepareCallback): void => {
  prepare = callback;
};

const setSlot = (value: unknown): void => {
  if (slot?.set !== undefined) slot.set.call(Error, value);
  else (Error as unknown as Record<string, unknown>)['prepareStackTrace'] = value;
};

/** Once the library has put its own there: programs see and set that, QuickJS asks us. */
export const takeOverStacks = (): void => {
  let visible = (Error as unknown as Record<string, unknown>)['prepareStackTrace'];
  if (slot !== undefined) Object.defineProperty(Error, 'prepareStackTrace', slot);
  setSlot(onError);
  Object.defineProperty(Error, 'prepareStackTrace', {
    get: () => visible,
    set: (value: unknown) => {
      visible = value;
    },
    enumerable: false,
    configurable: true,
  });
};
