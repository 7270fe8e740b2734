/** `internalBinding('contextify')`: scripts and functions made of texts (node_contextify.cc). */
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { privateSymbols, symbols } from '../constants.ts';
import { MODULE_FUNCTION_NAME, siteOf } from '../error-stacks.ts';
import { host } from '../host.ts';
import { rememberReferrer } from '../referrers.ts';
import { sourceLine } from '../source-lines.ts';
import { syntaxError } from '../syntax-errors.ts';
import { VmContext } from '../vm-contexts.ts';
import { typeTests } from './types.ts';

/** What the body of a CommonJS module sees. */
const MODULE_PARAMETERS = 'exports, require, module, __filename, __dirname';
const NAME_IN_STACKS = { value: MODULE_FUNCTION_NAME, configurable: true };
const DECORATED = privateSymbols['decorated_private_symbol']!;
const HOST_OPTION = privateSymbols['host_defined_option_symbol']!;

/** What a comment such as `//# sourceMappingURL=` names, the last one of a text. */
const named = (source: string, name: 'sourceMappingURL' | 'sourceURL'): string | undefined => {
  const at = source.lastIndexOf(`# ${name}=`);
  if (at < 2 || !/[/][/*]$/.test(source.slice(at - 2, at))) return undefined;
  return /^[^\s'"*]+/.exec(source.slice(at + name.length + '# ='.length))?.[0];
};

/** Shows the line an error is from above its stack, as V8's errors of scripts do (errors::DecorateErrorStack). */
const decorated = (error: Error, line: string | null | undefined): Error => {
  const { [DECORATED]: isDecorated, stack } = error as Error & Record<symbol, unknown>;
  if (
    typeof line !== 'string' ||
    isDecorated === true ||
    typeof stack !== 'string' ||
    !Object.isExtensible(error)
  ) {
    return error;
  }
  Object.defineProperty(error, DECORATED, { value: true });
  error.stack = `${line}\n${stack}`;
  return error;
};

/** Calls what compiles; where it fails, the engine's own parser says what is wrong as Node would. */
const orExplained = <Result>(
  compile: () => Result,
  source: string,
  parameters: string | undefined,
  filename: string,
): Result => {
  try {
    return compile();
  } catch (error) {
    const problem = host.explainScript(source, parameters, filename);
    throw problem === undefined ? error : decorated(syntaxError(problem), problem[1]);
  }
};

const compileFunctionForCJSLoader = (
  source: string,
  filename: string,
  _isSeaMain: boolean,
  mayBeModule: boolean,
): object => {
  const result = {
    cachedDataRejected: false,
    sourceMapURL: undefined as string | undefined,
    sourceURL: named(source, 'sourceURL') ?? filename,
    canParseAsESM: false,
    function: undefined as unknown,
  };
  try {
    result.function = Object.defineProperty(
      host.compileFunction(MODULE_PARAMETERS, source, result.sourceURL, 1),
      'name',
      NAME_IN_STACKS,
    );
    result.sourceMapURL = named(source, 'sourceMappingURL');
    rememberReferrer(result.sourceURL, symbols['vm_dynamic_import_default_internal']!);
  } catch (error) {
    const problem = host.explainModule(source, filename, mayBeModule);
    if (problem === undefined) throw error;
    if (problem === true) result.canParseAsESM = true;
    else throw decorated(syntaxError(problem), problem[1]);
  }
  return result;
};

const compileFunction = (
  source: string,
  filename: string,
  lineOffset: number,
  _columnOffset: number,
  _cachedData: unknown,
  _produceCachedData: boolean,
  context: object | undefined,
  _extensions: object[] | undefined,
  parameters: string[] = [],
  hostOption: symbol = symbols['vm_dynamic_import_no_callback']!,
): object => {
  const list = parameters.join(', ');
  const compiled = orExplained(
    () =>
      context === undefined
        ? host.compileFunction(list, source, filename, lineOffset + 1)
        : VmContext.of(context).compileFunction(list, source, filename, lineOffset + 1),
    source,
    list,
    filename,
  );
  Object.defineProperty(compiled, HOST_OPTION, { value: hostOption });
  rememberReferrer(filename, hostOption);
  return { function: compiled, sourceMapURL: named(source, 'sourceMappingURL'), sourceURL: undefined };
};

class ContextifyScript {
  readonly #run: () => unknown;
  readonly #source: string;
  readonly #filename: string;
  readonly #line: number;
  [key: PropertyKey]: unknown;

  constructor(
    source: string,
    filename = 'evalmachine.<anonymous>',
    lineOffset = 0,
    _columnOffset = 0,
    _cachedData?: unknown,
    _produceCachedData?: boolean,
    _context?: object,
    hostOption?: symbol,
  ) {
    const option = hostOption ?? Symbol(filename);
    this.#source = source;
    this.#filename = filename;
    this.#line = lineOffset + 1;
    this.#run = orExplained(
      () => host.compileScript(source, filename, this.#line),
      source,
      undefined,
      filename,
    );
    this['cachedDataRejected'] = undefined;
    this['sourceMapURL'] = named(source, 'sourceMappingURL');
    Object.defineProperty(this, HOST_OPTION, { value: option });
    rememberReferrer(filename, option);
  }

  runInContext(context: object | null, _timeout?: number, displayErrors?: boolean): unknown {
    try {
      return context === null
        ? this.#run()
        : VmContext.of(context).run(this.#source, this.#filename, this.#line);
    } catch (error) {
      if (displayErrors === true && typeTests.isNativeError(error)) {
        decorated(error as Error, sourceLine(siteOf(error), true, { [this.#filename]: this.#source }));
      }
      throw error;
    }
  }

  createCachedData(): Uint8Array {
    return new Uint8Array(0);
  }
}

/** The object whose properties are the variables; without one it is the global object itself. */
const makeContext = (object: object | symbol): object | undefined => {
  if (typeof object === 'symbol') return new VmContext(undefined).global;
  void new VmContext(object as Record<PropertyKey, unknown>);
  return object;
};

export const createContextify = (): Binding => ({
  makeContext,
  ContextifyScript,
  compileFunction,
  compileFunctionForCJSLoader,
  containsModuleSyntax: (source: string, filename: string) =>
    host.explainModule(source, filename, true) === true,
  startSigintWatchdog: () => undefined,
  stopSigintWatchdog: () => false,
  watchdogHasPendingSigint: () => false,
  constants: shapedBinding('contextify')['constants'],
});
