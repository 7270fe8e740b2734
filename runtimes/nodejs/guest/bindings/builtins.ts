/** `internalBinding('builtins')`: the modules of Node's own library. */
import type { Binding } from '../binding-shape.ts';
import { engine } from '../constants.ts';
import { host } from '../host.ts';
import { patchedModule } from '../library-patches.ts';

/** What the library's modules are compiled with (node_builtins.cc). */
const PARAMETERS = 'exports, require, module, process, internalBinding, primordials';

type Compiled = (...values: unknown[]) => unknown;

/** Modules that are compiled and have not run yet, by id. */
const compiled = new Map<string, Compiled>();

const compile = (id: string, parameters: string): Compiled => {
  const patched = patchedModule(id);
  return patched === undefined
    ? host.compileLibrary(parameters, id)
    : host.compile(parameters, patched, `node:${id}`);
};

/** Has a module ready for {@link compileBuiltin}. */
export const compileAhead = (id: string, parameters: string = PARAMETERS): void => {
  compiled.set(id, compile(id, parameters));
};

/** A module of the library as a function; to be asked for once. */
export const compileBuiltin = (id: string, parameters: string = PARAMETERS): Compiled => {
  const ready = compiled.get(id);
  compiled.delete(id);
  return ready ?? compile(id, parameters);
};

export const createBuiltins = (): Binding => ({
  natives: {},
  builtinCategories: { canBeRequired: [], cannotBeRequired: [] },
  builtinIds: engine.builtinIds,
  config: engine.buildConfig,
  hasCachedBuiltins: () => true,
  compileFunction: (id: string) => compileBuiltin(id),
});
