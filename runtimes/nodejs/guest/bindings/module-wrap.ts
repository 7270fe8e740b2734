/** `internalBinding('module_wrap')`: ES modules as Node's loader handles them (module_wrap.cc). */
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { privateSymbols, symbols } from '../constants.ts';
import { setImport } from '../dynamic-import.ts';
import { host } from '../host.ts';
import type { SyntaxProblem } from '../host.ts';
import { addRecord, ensureLinked, instantiate, isAsync, uniqueName } from '../module-graph.ts';
import type { ModuleRecord, ModuleRequest } from '../module-graph.ts';
import { syntaxError } from '../syntax-errors.ts';

const constants = shapedBinding('module_wrap') as Record<string, number>;
const { kUninstantiated, kInstantiated, kEvaluating, kEvaluated, kErrored, kEvaluationPhase } = constants;
/** By quickjs.c, enum JSModuleStatus; what awaits counts as evaluated, as in V8. The last one threw. */
const STATUS = [
  kUninstantiated!,
  constants['kInstantiating']!,
  kInstantiated!,
  kEvaluating!,
  kEvaluated!,
  kEvaluated!,
  kErrored!,
];
const REJECTED = 2;
const PENDING = 0;
const HOST_OPTION = privateSymbols['host_defined_option_symbol']!;

type InitializeMeta = (option: symbol, meta: object, wrap: ModuleWrap) => void;
type Resolve = (specifier: string) => string;

let initializeMeta: InitializeMeta | undefined;
let makeResolve: ((url: string) => Resolve) | undefined;

const failure = (code: string, message: string): Error => Object.assign(new Error(message), { code });

/** What V8 reads in the text of a module, as engine/syntax-functions.ts tells it. */
interface ParsedModule {
  readonly problem?: SyntaxProblem;
  readonly requests: readonly ModuleRequest[];
  readonly hasTopLevelAwait: boolean;
  readonly sourceMapURL?: string;
  readonly sourceURL?: string;
}

const parse = (url: string, source: string): ParsedModule => {
  const parsed = JSON.parse(host.parseModule(url, source)) as ParsedModule;
  if (parsed.problem !== undefined) throw syntaxError(parsed.problem);
  return parsed;
};

const withoutPrototype = <Value extends object>(value: Value): Value =>
  Object.assign(Object.create(null) as Value, value);

/** `import.meta` of modules of the default loader. */
const defaultMeta = (meta: object, wrap: ModuleWrap): void => {
  const { url } = wrap;
  const resolve = makeResolve?.(url);
  const isFile = url.startsWith('file:');
  const filename = isFile ? host.filePath(url) : undefined;
  Object.assign(meta, {
    ...(filename === undefined ? {} : { dirname: filename.replace(/\/[^/]*$/, '') || '/', filename }),
    main: wrap['isMain'] === true,
    ...(resolve === undefined ? {} : { resolve }),
    url,
  });
};

class ModuleWrap {
  readonly #record: ModuleRecord;
  readonly #requests: readonly ModuleRequest[];
  #sourceObject: unknown;
  readonly url: string;
  readonly synthetic: boolean;
  readonly hasTopLevelAwait: boolean;
  [key: PropertyKey]: unknown;

  constructor(
    url: string,
    context: object | undefined,
    body: string | readonly string[],
    lineOrSteps: number | ((this: ModuleWrap) => void),
    columnOrCommonJs?: unknown,
    optionOrCache?: symbol | object,
  ) {
    if (context !== undefined) throw failure('ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', NO_CONTEXTS);
    const isText = typeof body === 'string';
    const parsed: ParsedModule = isText ? parse(url, body) : { requests: [], hasTopLevelAwait: false };
    const option = typeof optionOrCache === 'symbol' ? optionOrCache : Symbol(url);
    Object.defineProperty(this, HOST_OPTION, { value: option });
    this.url = url;
    this.synthetic = !isText;
    this.hasTopLevelAwait = parsed.hasTopLevelAwait;
    this['sourceMapURL'] = parsed.sourceMapURL;
    this['sourceURL'] = parsed.sourceURL;
    if (!isText) this[symbols['imported_cjs_symbol']!] = columnOrCommonJs;
    this.#requests = parsed.requests.map(({ specifier, attributes, phase }) =>
      withoutPrototype({ specifier, attributes: withoutPrototype(attributes), phase }),
    );
    this.#record = {
      url,
      name: uniqueName(url),
      body: isText
        ? { source: body, line: (lineOrSteps as number) + 1 }
        : { exports: body, steps: () => (lineOrSteps as (this: ModuleWrap) => void).call(this) },
      requests: this.#requests,
      hasTopLevelAwait: parsed.hasTopLevelAwait,
      hostOption: () => option,
      initializeMeta: (meta) => {
        if (option === symbols['source_text_module_default_hdo']) defaultMeta(meta, this);
        else initializeMeta?.(option, meta, this);
      },
      isInstantiated: false,
    };
    addRecord(this.#record);
  }

  getModuleRequests(): readonly ModuleRequest[] {
    return this.#requests;
  }

  link(wraps: readonly ModuleWrap[]): void {
    if (wraps.length !== this.#requests.length) {
      const message = `linking error, expected a valid module request for ${this.url}`;
      throw failure('ERR_VM_MODULE_LINK_FAILURE', message);
    }
    this.#record.linked = wraps.map((wrap) => wrap.#record);
  }

  instantiate(): void {
    instantiate(this.#record);
  }

  evaluate(_timeout?: number, _breakOnSigint?: boolean): Promise<unknown> {
    return host.evaluateModule(this.#record.address!);
  }

  /** Runs what awaits nothing to its end; its namespace. */
  evaluateSync(): object {
    const promise = this.evaluate();
    const [state, result] = host.promise(promise);
    if (state === REJECTED) {
      host.ignoreRejection(promise);
      throw result;
    }
    if (state === PENDING || this.hasAsyncGraph) {
      host.ignoreRejection(promise);
      throw failure('ERR_REQUIRE_ASYNC_MODULE', ASYNC_MODULE);
    }
    return this.getNamespace();
  }

  getStatus(): number {
    const { address, isInstantiated } = this.#record;
    const status = address === undefined ? kUninstantiated! : STATUS[host.moduleStatus(address)]!;
    return status === kUninstantiated && isInstantiated ? kInstantiated! : status;
  }

  getError(): unknown {
    const { address } = this.#record;
    return address === undefined ? undefined : host.moduleError(address);
  }

  getNamespace(): object {
    if (!this.#record.isInstantiated)
      throw new Error('cannot get namespace, module has not been instantiated');
    return host.moduleNamespace(ensureLinked(this.#record));
  }

  setExport(name: string, value: unknown): void {
    if (host.setModuleExport(ensureLinked(this.#record), name, value) < 0) {
      throw new ReferenceError(`Export '${name}' is not defined in module`);
    }
  }

  get hasAsyncGraph(): boolean {
    if (!this.#record.isInstantiated)
      throw failure('ERR_MODULE_NOT_INSTANTIATED', 'Module is not instantiated');
    return isAsync(this.#record);
  }

  setModuleSourceObject(source: unknown): void {
    this.#sourceObject = source;
  }

  getModuleSourceObject(): unknown {
    return this.#sourceObject;
  }

  createCachedData(): Uint8Array {
    return new Uint8Array(0);
  }
}

const NO_CONTEXTS = 'Modules of another vm context are not available in a sandbox of wasmrun';
const ASYNC_MODULE =
  'require() cannot be used on an ESM graph with top-level await. Use import() instead. ' +
  'To see where the top-level await comes from, use --experimental-print-required-tla.';
/** node_contextify.h and env_properties.h: what `require()` of an ES module with a default export gives. */
const FACADE = `export * from 'original'; export { default } from 'original'; export const __esModule = true;`;

const createRequiredModuleFacade = (wrap: ModuleWrap): object => {
  const facade = new ModuleWrap('node:internal/require_module_default_facade', undefined, FACADE, 0, 0);
  facade.link([wrap]);
  facade.instantiate();
  return facade.evaluateSync();
};

export const createModuleWrap = (): Binding => ({
  ...constants,
  ModuleWrap,
  setImportModuleDynamicallyCallback: (callback: Parameters<typeof setImport>[0]) =>
    setImport(callback, kEvaluationPhase!),
  setInitializeImportMetaObjectCallback: (callback: InitializeMeta) => {
    initializeMeta = callback;
  },
  setImportMetaResolveInitializer: (callback: (url: string) => Resolve) => {
    makeResolve = callback;
  },
  createRequiredModuleFacade,
  throwIfPromiseRejected: (promise: Promise<unknown>) => {
    const [state, result] = host.promise(promise);
    if (state === REJECTED) throw result;
  },
});

/** `internalBinding('cjs_lexer')`: which names a CommonJS module exports, as far as its text tells. */
export const createCjsLexer = (): Binding => ({
  parse: (source: string) => {
    const [names, reexports] = JSON.parse(host.parseCommonJs(source)) as [string[], string[]];
    return [new Set(names), reexports];
  },
});
