/** `internalBinding('contextify')`: scripts and functions made of texts (node_contextify.cc). */
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { privateSymbols, symbols } from '../constants.ts';
import { host } from '../host.ts';
import { rememberReferrer } from '../referrers.ts';
import { syntaxError } from '../syntax-errors.ts';

/** What the body of a CommonJS module sees. */
const MODULE_PARAMETERS = 'exports, require, module, __filename, __dirname';
/** What V8's stacks show for the code of a module outside of its functions. */
const NAME_IN_STACKS = { value: 'Object.<anonymous>', configurable: true };
const HOST_OPTION = privateSymbols['host_defined_option_symbol']!;

/** The comment that names a source map, the last one of a text. */
const sourceMapUrl = (source: string): string | undefined => {
  const at = source.lastIndexOf('# sourceMappingURL=');
  if (at < 2 || !/[/][/*]$/.test(source.slice(at - 2, at))) return undefined;
  return /^[^\s'"*]+/.exec(source.slice(at + '# sourceMappingURL='.length))?.[0];
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
    throw problem === undefined ? error : syntaxError(problem);
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
    sourceURL: undefined,
    canParseAsESM: false,
    function: undefined as unknown,
  };
  try {
    result.function = Object.defineProperty(
      host.compileFunction(MODULE_PARAMETERS, source, filename, 1),
      'name',
      NAME_IN_STACKS,
    );
    result.sourceMapURL = sourceMapUrl(source);
    rememberReferrer(filename, symbols['vm_dynamic_import_default_internal']!);
  } catch (error) {
    const problem = host.explainModule(source, filename, mayBeModule);
    if (problem === undefined) throw error;
    if (problem === true) result.canParseAsESM = true;
    else throw syntaxError(problem);
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
  _context: object | undefined,
  _extensions: object[] | undefined,
  parameters: string[] = [],
  hostOption: symbol = symbols['vm_dynamic_import_no_callback']!,
): object => {
  const list = parameters.join(', ');
  const compiled = orExplained(
    () => host.compileFunction(list, source, filename, lineOffset + 1),
    source,
    list,
    filename,
  );
  Object.defineProperty(compiled, HOST_OPTION, { value: hostOption });
  rememberReferrer(filename, hostOption);
  return { function: compiled, sourceMapURL: sourceMapUrl(source), sourceURL: undefined };
};

class ContextifyScript {
  readonly #run: () => unknown;
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
    this.#run = orExplained(
      () => host.compileScript(source, filename, lineOffset + 1),
      source,
      undefined,
      filename,
    );
    this['cachedDataRejected'] = undefined;
    this['sourceMapURL'] = sourceMapUrl(source);
    Object.defineProperty(this, HOST_OPTION, { value: option });
    rememberReferrer(filename, option);
  }

  runInContext(_context: object | null): unknown {
    return this.#run();
  }

  createCachedData(): Uint8Array {
    return new Uint8Array(0);
  }
}

export const createContextify = (): Binding => ({
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
