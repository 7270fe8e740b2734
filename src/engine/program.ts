/** The guest's module: read, compiled, and checked for what the engine needs of it. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { WasmrunError } from '../errors.ts';
import { checkImports, detectAbi } from './imports.ts';
import type { SocketAbi } from './imports.ts';

/** A module that is fit to run. */
export interface Program {
  readonly file: string;
  readonly module: WebAssembly.Module;
  readonly imports: readonly WebAssembly.ModuleImportDescriptor[];
  readonly abi: SocketAbi;
}

/** Reads a module's bytes and does nothing else with them. Throws MODULE_INVALID. */
export const readModule = (path: string): Buffer => {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = (error as Error).message;
    throw new WasmrunError('MODULE_INVALID', `${basename(path)} cannot be read: ${reason}`, { cause: error });
  }
};

/**
 * Whether a module can import functions that open files by path, told from its bytes alone: their names
 * are in there (WebAssembly Core, import section). A false yes costs time only.
 */
export const mayOpenFiles = (bytes: Buffer): boolean => bytes.includes('path_');

/**
 * Compiles a module and looks at what it imports and exports. V8 reads bytes here that nobody vouches for:
 * privileges must be gone before.
 * Throws MODULE_INVALID, MODULE_UNSUPPORTED_IMPORTS.
 */
export const compileModule = (file: string, bytes: Uint8Array): Program => {
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(bytes);
  } catch (error) {
    throw notWebAssembly(file, error as Error);
  }
  const imports = WebAssembly.Module.imports(module);
  checkImports(file, imports);
  const exports = new Map(WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]));
  if (exports.get('_start') !== 'function') {
    throw new WasmrunError('MODULE_INVALID', `${file} has no _start function, so there is nothing to run`, {
      hint: 'Build it as a WASI command, not as a reactor or library.',
    });
  }
  if (exports.get('memory') !== 'memory') {
    throw new WasmrunError('MODULE_INVALID', `${file} does not export its memory`);
  }
  return { file, module, imports, abi: detectAbi(imports) };
};

/** V8 says where: "WebAssembly.Module(): expected magic word 00 61 73 6d, found … @+0". */
export const notWebAssembly = (file: string, cause: Error): WasmrunError => {
  const reason = cause.message.replace(/^.*?\(\): /, '');
  return new WasmrunError('MODULE_INVALID', `${file} is not a valid WebAssembly module: ${reason}`, {
    cause,
  });
};
