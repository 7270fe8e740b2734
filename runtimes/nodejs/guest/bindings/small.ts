/** Bindings of which the guest needs little. */
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { engine, errorMap, symbols } from '../constants.ts';
import { launched } from '../launch.ts';

const nothing = (): undefined => undefined;

/** Options of Node that are others in the guest. */
const OPTIONS: Readonly<Record<string, unknown>> = {
  '--warnings': true,
  '--expose-internals': false,
  '--verify-base-objects': false,
  // There is no compiler for modules' syntax to be guessed with twice.
  '--experimental-repl-await': false,
  '--inspect-brk': false,
  // What an app stores there would be gone with it.
  '--experimental-webstorage': false,
  '--webstorage': false,
};

export const createOptions = (): Binding => ({
  getCLIOptionsValues: () => ({ ...engine.options, ...OPTIONS, ...launched().options }),
  getOptionsAsFlags: () => [...launched().execArgv],
  getCLIOptionsInfo: () => ({ options: new Map(), aliases: new Map() }),
  getEmbedderOptions: () => ({
    shouldNotRegisterESMLoader: false,
    noGlobalSearchPaths: true,
    noBrowserGlobals: false,
    hasEmbedderPreload: false,
  }),
  getEnvOptionsInputType: () => new Map(),
  getNamespaceOptionsInputType: () => new Map(),
});

export const createSymbols = (): Binding => ({ ...symbols });

export const createUv = (): Binding => ({
  getErrorMap: () => errorMap,
  errname: (error: number) => errorMap.get(error)?.[0] ?? `Unknown system error ${error}`,
  getErrorMessage: (error: number) => errorMap.get(error)?.[1] ?? `Unknown system error ${error}`,
});

export const createConfig = (): Binding => ({
  hasInspector: false,
  hasTracing: false,
  hasIntl: true,
  noBrowserGlobals: false,
  hasNodeOptions: true,
  fipsMode: false,
  getDefaultLocale: () => 'en-US',
});

const withoutPrototype = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const copy = Object.create(null) as Binding;
  for (const [key, each] of Object.entries(value)) copy[key] = withoutPrototype(each);
  return copy;
};

/** Tables are looked up by name, so that they have no prototype. */
export const createConstants = (): Binding => {
  return withoutPrototype(shapedBinding('constants')) as Binding;
};

export const createTraceEvents = (): Binding => ({
  available: false,
  hasAgent: () => false,
  getEnabledCategories: nothing,
  setTraceCategoryStateUpdateHandler: nothing,
  getCategoryEnabledBuffer: () => new Uint8Array(1),
  isTraceCategoryEnabled: () => false,
  trace: nothing,
});

export const createWorker = (): Binding => ({
  isMainThread: true,
  isInternalThread: false,
  ownsProcessState: true,
  threadId: 0,
  threadName: 'main',
  resourceLimits: new Float64Array(4),
  getEnvMessagePort: nothing,
});

export const createPermission = (): Binding => ({ has: () => true, drop: nothing });

export const createSnapshot = (): Binding => ({
  isBuildingSnapshotBuffer: new Uint8Array(1),
  setSerializeCallback: nothing,
  setDeserializeCallback: nothing,
  setDeserializeMainFunction: nothing,
  runEmbedderPreload: nothing,
  compileSerializeMain: nothing,
  anonymousMainPath: '__node_anonymous_main',
});

export const createInspector = (): Binding => ({
  isEnabled: () => false,
  setConsoleExtensionInstaller: nothing,
  consoleCall: nothing,
  console: {},
  registerAsyncHook: nothing,
});

export const createWasmWebApi = (): Binding => ({ setImplementation: nothing });

export const createDiagnosticsChannel = (): Binding => ({
  linkNativeChannel: nothing,
  subscribers: new Uint32Array(16),
});

/** Diagnostic reports would tell of the engine. */
export const createReport = (): Binding => {
  const refusals: Binding = {};
  for (const name of [
    'shouldReportOnUncaughtException',
    'shouldReportOnFatalError',
    'shouldReportOnSignal',
  ]) {
    refusals[name] = () => false;
  }
  return refusals;
};

export const createSea = (): Binding => ({
  isSea: () => false,
  isExperimentalSeaWarningNeeded: () => false,
  getAsset: nothing,
});
