/**
 * `import()`. QuickJS resolves it with the namespace of the module it is given at once; Node's loader gives a promise.
 * So QuickJS gets one module for all, whose namespace is a thenable: the promise of `import()` takes over what the
 * loader's promise becomes.
 */
import { host } from './host.ts';
import type { ModuleAddress } from './host.ts';
import { launched } from './launch.ts';
import { referrerOption } from './referrers.ts';

type Import = (
  hostOption: symbol,
  specifier: string,
  phase: number,
  attributes: Readonly<Record<string, string>>,
  referrer: string,
) => Promise<object>;

const NAME = 'wasmrun:import';
/** QuickJS's file name for `eval` and `new Function`: who called them is forgotten, so the app's entry stands for it. */
const MADE_AT_RUN_TIME = '<input>';

let callback: Import | undefined;
let evaluationPhase = 0;
/** In the order QuickJS asked for them, which is that in which it reads the thenables. */
const pending: Promise<object>[] = [];

export const setImport = (given: Import, phase: number): void => {
  callback = given;
  evaluationPhase = phase;
};

export const isDynamicImport = (name: string): boolean => name === NAME;

export const importDynamically = (
  hostOption: symbol | undefined,
  referrer: string,
  specifier: string,
  attributes: Readonly<Record<string, string>> | undefined,
): string => {
  const copy = Object.assign(Object.create(null) as Record<string, string>, attributes);
  const option = hostOption ?? referrerOption(referrer);
  const place = referrer === MADE_AT_RUN_TIME ? launched().argv[1]! : referrer;
  const promise = callback!(option, specifier, evaluationPhase, copy, place);
  pending.push(promise);
  return NAME;
};

/** There is one for each set of attributes. */
export const makeDynamicImports = (): ModuleAddress => {
  const address: ModuleAddress = host.syntheticModule(NAME, ['then'], () =>
    host.setModuleExport(
      address,
      'then',
      (resolve: (value: object) => void, reject: (error: unknown) => void) => {
        void pending.shift()!.then(resolve, reject);
      },
    ),
  );
  return address;
};
