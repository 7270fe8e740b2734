/**
 * Changes to modules of Node's own library, made on their text as they are loaded. Each says why; one whose place is
 * not found any more is an error, so that another version of Node is noticed.
 */
import { host } from './host.ts';

interface Patch {
  readonly find: string;
  readonly replacement: string;
}

const PATCHES: Readonly<Record<string, readonly Patch[]>> = {
  // Regular expressions that an app cannot have changed are taken of another context, which there is none of.
  'internal/util': [
    {
      find: `const { runInNewContext } = require('vm');
    internalGlobal = runInNewContext('this', undefined, { contextName: 'internal' });`,
      replacement: 'internalGlobal = globalThis;',
    },
  ],
  // Its parser is WebAssembly, which QuickJS has not: the engine parses for it.
  'internal/deps/undici/undici': [
    {
      find: `let mod;
      let useWasmSIMD = process.arch !== "ppc64";`,
      replacement: `let mod = true;
      let useWasmSIMD = false;`,
    },
    {
      find: 'new WebAssembly.Instance(mod, {',
      replacement: "internalBinding('client_parser').instantiate({",
    },
  ],
  // One question to the engine for each file, instead of one for each directory above it.
  'internal/modules/helpers': [
    {
      find: `fs.realpathSync(requestPath, {
    [internalFS.realpathCacheKey]: realpathCache,
  }),`,
      replacement: `internalFsBinding.realpath(requestPath, 'utf8'),`,
    },
  ],
};

/** The text of a module with its changes; undefined where it has none. */
export const patchedModule = (id: string): string | undefined => {
  const patches = PATCHES[id];
  if (patches === undefined) return undefined;
  let source = host.librarySource(id)!;
  for (const { find, replacement } of patches) {
    if (!source.includes(find)) throw new Error(`node:${id} has no ${JSON.stringify(find)} to change`);
    source = source.replace(find, () => replacement);
  }
  return source;
};
