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
  // There is one global object: expressions of another one would only keep `RegExp.$1` as it was.
  'internal/util': [
    {
      find: `internalGlobal = runInNewContext('this', undefined, { contextName: 'internal' });`,
      replacement: 'internalGlobal = globalThis;',
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
