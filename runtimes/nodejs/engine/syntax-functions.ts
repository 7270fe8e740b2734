/**
 * What the engine's own V8 says of texts of the guest: QuickJS words its errors of syntax in another way, and does not
 * tell what a module imports before it asks for it. V8 reads them; nothing is ever run.
 */
import type { HostFunction } from './bridge.ts';
import { engineBinding } from './engine-binding.ts';

type Problem = readonly [message: string, arrow: string | null];

const contextify = engineBinding('contextify') as {
  readonly ContextifyScript: new (source: string, filename: string, ...rest: unknown[]) => object;
  compileFunctionForCJSLoader(
    source: string,
    filename: string,
    isSeaMain: boolean,
    mayBeModule: boolean,
  ): { readonly canParseAsESM: boolean };
  compileFunction(
    source: string,
    filename: string,
    line: number,
    column: number,
    cachedData: undefined,
    produceCachedData: boolean,
    context: undefined,
    extensions: undefined,
    parameters: readonly string[],
    hostOption: symbol,
  ): object;
  containsModuleSyntax(source: string, filename: string): boolean;
};

const { privateSymbols } = engineBinding('util') as { privateSymbols: Record<string, symbol> };
const ARROW = privateSymbols['arrow_message_private_symbol']!;
const HOST_OPTION = Symbol('never imports');

/** The line that is wrong stands before the stack, or in a property, until it is printed. */
const problemOf = (error: unknown): Problem => {
  const { message, stack = '', [ARROW]: arrow } = error as Error & Record<symbol, string | undefined>;
  if (arrow !== undefined) return [message, arrow];
  const header = stack.indexOf('\nSyntaxError: ');
  return [message, header > 0 ? stack.slice(0, header) : null];
};

const explain = (compile: () => unknown): Problem | undefined => {
  try {
    compile();
    return undefined;
  } catch (error) {
    return problemOf(error);
  }
};

export const syntaxFunctions: Readonly<Record<string, HostFunction>> = {
  explainScript: (source: string, parameters: string | undefined, filename: string) =>
    explain(() =>
      parameters === undefined
        ? new contextify.ContextifyScript(source, filename, 0, 0, undefined, false, undefined, HOST_OPTION)
        : contextify.compileFunction(
            source,
            filename,
            0,
            0,
            undefined,
            false,
            undefined,
            undefined,
            parameters === '' ? [] : parameters.split(', '),
            HOST_OPTION,
          ),
    ),
  explainModule: (source: string, filename: string, mayBeModule: boolean) => {
    let isModule = false;
    const problem = explain(() => {
      isModule = contextify.compileFunctionForCJSLoader(source, filename, false, mayBeModule).canParseAsESM;
    });
    return problem ?? (isModule ? true : undefined);
  },
};
