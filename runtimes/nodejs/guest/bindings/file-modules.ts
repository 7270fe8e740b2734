/** What the loaders of modules ask `internalBinding('fs')`. */
import { host } from '../host.ts';
import { codedError } from '../system-error.ts';
import { lazily } from './util.ts';

/** Of `internalBinding('constants').internal`. */
const FORMAT = { javaScript: 0, wasm: 1 } as const;
const WASM_MAGIC = [0x00, 0x61, 0x73, 0x6d];

const formatOf = (path: string): number => {
  const fd = host.openFile(path, 0, 0);
  if (fd < 0) return FORMAT.javaScript;
  const start = new Uint8Array(WASM_MAGIC.length);
  const length = host.readFile(fd, 0, start);
  host.closeFile(fd);
  const isWasm = length === WASM_MAGIC.length && WASM_MAGIC.every((byte, index) => start[index] === byte);
  return isWasm ? FORMAT.wasm : FORMAT.javaScript;
};

/** Endings that `main` of a package may lack, in the order of `legacyMainResolveExtensions` of the library. */
const MAIN_ENDINGS = ['', '.js', '.json', '.node', '/index.js', '/index.json', '/index.node'];
const INDEX_ENDINGS = ['.js', '.json', '.node'];

const isFile = (path: string): boolean => host.statKind(path) === 0;

/** Which ending leads to a file. */
const resolveMain = (directory: string, main: unknown, base: string): number => {
  const { resolve } = lazily.requireLibrary!('path') as unknown as typeof import('node:path');
  const index = resolve(directory, './index');
  let wanted = `${index}.js`;
  if (typeof main === 'string') {
    wanted = resolve(directory, main);
    const found = MAIN_ENDINGS.findIndex((ending) => isFile(wanted + ending));
    if (found >= 0) return found;
  }
  const found = INDEX_ENDINGS.findIndex((ending) => isFile(index + ending));
  if (found >= 0) return MAIN_ENDINGS.length + found;
  const { fileURLToPath } = lazily.requireLibrary!('internal/url') as unknown as typeof import('node:url');
  throw codedError(
    'ERR_MODULE_NOT_FOUND',
    `Cannot find package '${wanted}' imported from ${fileURLToPath(base)}`,
  );
};

export const fileModules = { getFormatOfExtensionlessFile: formatOf, legacyMainResolve: resolveMain };
