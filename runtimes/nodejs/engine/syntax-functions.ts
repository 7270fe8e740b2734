/**
 * What the engine's own V8 says of texts of the guest: QuickJS words its errors of syntax in another way, and does not
 * tell what a module imports before it asks for it. V8 reads them; nothing is ever run.
 */
import { fileURLToPath } from 'node:url';
import type { HostFunction } from './bridge.ts';
import { taking } from './taking.ts';
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

interface ModuleWrap {
  readonly hasTopLevelAwait: boolean;
  readonly sourceMapURL: string | undefined;
  readonly sourceURL: string | undefined;
  getModuleRequests(): readonly object[];
  link(modules: readonly ModuleWrap[]): void;
  instantiate(): void;
}

const { ModuleWrap } = engineBinding('module_wrap') as {
  ModuleWrap: new (
    url: string,
    context: undefined,
    body: string | readonly string[],
    lineOrSteps: number | (() => void),
    column?: number,
    hostOption?: symbol,
  ) => ModuleWrap;
};

const lexer = engineBinding('cjs_lexer') as {
  parse(source: string): readonly [names: Set<string>, reexports: string[]];
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

const moduleOf = (url: string, source: string): ModuleWrap =>
  new ModuleWrap(url, undefined, source, 0, 0, HOST_OPTION);

const parseModule = (url: string, source: string): string => {
  let parsed: ModuleWrap | undefined;
  const problem = explain(() => {
    parsed = moduleOf(url, source);
  });
  if (parsed === undefined) return JSON.stringify({ problem });
  const { hasTopLevelAwait, sourceMapURL, sourceURL } = parsed;
  return JSON.stringify({ requests: parsed.getModuleRequests(), hasTopLevelAwait, sourceMapURL, sourceURL });
};

/** A module as guest/module-graph.ts tells it: its text or its exports, and which ones its requests mean. */
interface ToldModule {
  readonly url: string;
  readonly source?: string;
  readonly exports?: readonly string[];
  readonly linked: readonly number[];
}

const isTold = (value: unknown): value is ToldModule => {
  const { url, source, exports = [], linked } = (value ?? {}) as Partial<Record<keyof ToldModule, unknown>>;
  return (
    typeof url === 'string' &&
    (source === undefined || typeof source === 'string') &&
    Array.isArray(exports) &&
    exports.every((name) => typeof name === 'string') &&
    Array.isArray(linked)
  );
};

const explainLinking = (text: string, root: number): Problem | undefined =>
  explain(() => {
    const told = JSON.parse(text) as unknown;
    if (!Array.isArray(told) || !told.every(isTold)) return;
    const modules = told.map(({ url, source, exports = [] }) =>
      source === undefined ? new ModuleWrap(url, undefined, exports, () => {}) : moduleOf(url, source),
    );
    for (const [index, each] of modules.entries()) {
      const linked = told[index]!.linked.map((target) => modules[target]);
      // V8 ends the process over what is not a module.
      if (linked.includes(undefined) || linked.length !== each.getModuleRequests().length) return;
      if (told[index]!.source !== undefined) each.link(linked as ModuleWrap[]);
    }
    modules[root]?.instantiate();
  });

/** ECMAScript, IdentifierName, without escapes. */
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

export const syntaxFunctions: Readonly<Record<string, HostFunction>> = {
  explainScript: taking(
    ['text', 'text?', 'text'],
    (source: string, parameters: string | undefined, filename: string) => {
      if (parameters === undefined) {
        return explain(
          () =>
            new contextify.ContextifyScript(source, filename, 0, 0, undefined, false, undefined, HOST_OPTION),
        );
      }
      const names = parameters === '' ? [] : parameters.split(', ');
      // Node ends the process over what is no name of a parameter.
      if (!names.every((name) => IDENTIFIER.test(name))) return undefined;
      return explain(() =>
        contextify.compileFunction(
          source,
          filename,
          0,
          0,
          undefined,
          false,
          undefined,
          undefined,
          names,
          HOST_OPTION,
        ),
      );
    },
  ),
  explainModule: taking(
    ['text', 'text', 'boolean?'],
    (source: string, filename: string, mayBeModule?: boolean) => {
      let isModule = false;
      const problem = explain(() => {
        isModule = contextify.compileFunctionForCJSLoader(
          source,
          filename,
          false,
          mayBeModule ?? false,
        ).canParseAsESM;
      });
      return problem ?? (isModule ? true : undefined);
    },
  ),
  explainJson: (text: string) => {
    try {
      JSON.parse(text);
      return undefined;
    } catch (error) {
      return (error as SyntaxError).message;
    }
  },
  parseModule: taking(['text', 'text'], parseModule),
  explainLinking: taking(['text', 'number'], explainLinking),
  parseCommonJs: taking(['text'], (source: string) => {
    const [names, reexports] = lexer.parse(source);
    return JSON.stringify([[...names], reexports]);
  }),
  filePath: (url: string) => fileURLToPath(url),
};
