/** The functions of `internalBinding('fs')` that only the loaders of modules use (node_file.cc). */
import { host } from '../host.ts';

/** The candidates of lib/internal/modules/helpers.js, legacyMainResolveExtensions, in their order. */
const SUFFIXES_OF_MAIN = ['', '.js', '.json', '.node', '/index.js', '/index.json', '/index.node'];
const FILES_WITHOUT_MAIN = ['index.js', 'index.json', 'index.node'];

/** The module formats of node_modules.h. */
const FORMAT = { module: 0, wasm: 1 };
const WASM_MAGIC = '\0asm';
const FILE = 0;

const fileOfUrl = (url: string): string =>
  url.startsWith('file://') ? decodeURIComponent(url.slice('file://'.length)) : url;

const joined = (directory: string, name: string): string =>
  `${directory.replace(/\/$/, '')}/${name.replace(/^(?:\.?\/)+/, '')}`;

/** Which file an `import` of a package means that has no `exports`: a position among the candidates. */
const legacyMainResolve = (directory: string, main: string | undefined, base: string | undefined): number => {
  if (main !== undefined) {
    const found = SUFFIXES_OF_MAIN.findIndex(
      (suffix) => host.statKind(joined(directory, main + suffix)) === FILE,
    );
    if (found >= 0) return found;
  }
  const found = FILES_WITHOUT_MAIN.findIndex((name) => host.statKind(joined(directory, name)) === FILE);
  if (found >= 0) return SUFFIXES_OF_MAIN.length + found;
  if (base === undefined) {
    throw Object.assign(new TypeError('The "base" argument must be of type string or an instance of URL.'), {
      code: 'ERR_INVALID_ARG_TYPE',
    });
  }
  throw Object.assign(
    new Error(
      `Cannot find package '${joined(directory, main ?? 'index.js')}' imported from ${fileOfUrl(base)}`,
    ),
    { code: 'ERR_MODULE_NOT_FOUND' },
  );
};

export const moduleFiles = {
  internalModuleStat: (file: string): number => host.statKind(file),
  legacyMainResolve,
  /** Of library-patches.ts; undefined where the path or the text cannot be had. */
  modulePath: (file: string): string | undefined => host.modulePath(file),
  moduleText: (file: string): string | undefined => host.moduleText(file),
  getFormatOfExtensionlessFile: (file: string): number =>
    host.moduleText(file)?.startsWith(WASM_MAGIC) === true ? FORMAT.wasm : FORMAT.module,
};
