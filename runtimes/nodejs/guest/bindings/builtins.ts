/** `internalBinding('builtins')`: the modules of Node's own library. */
import type { Binding } from '../binding-shape.ts';
import { engine } from '../constants.ts';
import { host } from '../host.ts';
import { patchedModule } from '../library-patches.ts';

/** What the library's modules are compiled with (node_builtins.cc). */
const PARAMETERS = 'exports, require, module, process, internalBinding, primordials';

export const createBuiltins = (): Binding => ({
  natives: {},
  builtinCategories: { canBeRequired: [], cannotBeRequired: [] },
  builtinIds: engine.builtinIds,
  config: engine.buildConfig,
  hasCachedBuiltins: () => true,
  compileFunction: (id: string) => {
    const patched = patchedModule(id);
    return patched === undefined
      ? host.compileLibrary(PARAMETERS, id)
      : host.compile(PARAMETERS, patched, `node:${id}`);
  },
});
