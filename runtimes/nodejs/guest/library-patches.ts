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
  // There is one global object: expressions of another one would only keep `RegExp.$1` as it was.
  'internal/util': [
    {
      find: `internalGlobal = runInNewContext('this', undefined, { contextName: 'internal' });`,
      replacement: 'internalGlobal = globalThis;',
    },
  ],
  // A snapshot knows nothing of the app's flags.
  _http_common: [
    {
      find: `const insecureHTTPParser = getOptionValue('--insecure-http-parser');`,
      replacement: 'let insecureHTTPParser;',
    },
    {
      find: 'function isLenient() {',
      replacement: `function isLenient() {
  insecureHTTPParser ??= getOptionValue('--insecure-http-parser');`,
    },
  ],
  // One question to the engine for each file, instead of one for each directory above it.
  'internal/modules/helpers': [
    {
      find: `fs.realpathSync(requestPath, {
    [internalFS.realpathCacheKey]: realpathCache,
  }),`,
      replacement: `internalFsBinding.modulePath(requestPath) ?? fs.realpathSync(requestPath),`,
    },
    {
      find: `readFileSync: (filename, options) => fs.readFileSync(filename, options),`,
      replacement: `readFileSync: (filename, options) =>
    (options === 'utf8' && typeof filename === 'string' ? internalFsBinding.moduleText(filename) : undefined) ??
      fs.readFileSync(filename, options),`,
    },
  ],
  // Who looks at what is loaded expects bytes; nobody else does.
  'internal/modules/esm/load': [
    {
      find: `source = loaderMethods.readFileSync(url);`,
      replacement: `source = (require('internal/modules/customization_hooks').loadHooks.length === 0 && !url.pathname.endsWith('.wasm') ?
      internalBinding('fs').moduleText(require('internal/url').fileURLToPath(url)) : undefined) ??
      loaderMethods.readFileSync(url);`,
    },
  ],
  // The parser of TypeScript is WebAssembly, which the guest has not: the engine parses.
  'internal/modules/typescript': [
    {
      find: `assertTypeScript();
  const amaro = require('internal/deps/amaro/dist/index');
  return amaro.transformSync;`,
      replacement: `return internalBinding('typescript').transformSync;`,
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
