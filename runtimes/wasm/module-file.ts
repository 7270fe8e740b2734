/** Tells from its first bytes whether a file is a WebAssembly module. */
import { open } from 'node:fs/promises';
import { WasmrunError } from '../../src/errors.ts';

/** `\0asm` (WebAssembly core specification §5.5.16). */
const MAGIC = Buffer.from([0x00, 0x61, 0x73, 0x6d]);
/** Magic, then version and layer as little-endian 16-bit numbers (component model, Binary.md). */
const HEADER_BYTES = 8;
const CORE_VERSION = 1;
const CORE_LAYER = 0;
const COMPONENT_LAYER = 1;

/**
 * Refuses what is not a core module; what stands behind the header is the compiler's to judge.
 * @throws {WasmrunError} `MODULE_INVALID` saying what the file is instead, `APP_NOT_FOUND`, `APP_NOT_RUNNABLE`
 */
export const checkModuleFile = async (path: string): Promise<void> => {
  const header = await readHeader(path);
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw notAModule(path, header);
  if (header.length < HEADER_BYTES) {
    throw invalid(
      `not a WebAssembly module: ${path} ends after ${header.length} bytes`,
      'build or copy it again',
    );
  }
  const version = header.readUInt16LE(4);
  const layer = header.readUInt16LE(6);
  if (layer === COMPONENT_LAYER) {
    throw invalid(
      `${path} is a WebAssembly component; this version runs core modules only`,
      'build it for wasm32-wasip1 (Rust), or with wasi-libc instead of wasip2',
    );
  }
  if (version !== CORE_VERSION || layer !== CORE_LAYER) {
    throw invalid(
      `${path} has the unknown WebAssembly version ${version}, layer ${layer}`,
      'build it again with a released compiler',
    );
  }
};

const invalid = (message: string, hint: string) => new WasmrunError('MODULE_INVALID', message, { hint });

const readHeader = async (path: string): Promise<Buffer> => {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new WasmrunError(
      code === 'ENOENT' ? 'APP_NOT_FOUND' : 'APP_NOT_RUNNABLE',
      code === 'EISDIR' ? `${path} is a directory, not a .wasm file` : `cannot read ${path}: ${message}`,
      { hint: 'give the path of a readable .wasm file', cause: error },
    );
  }
};

const notAModule = (path: string, header: Buffer): WasmrunError => {
  const compile = 'compile the app for WebAssembly, e.g. clang --target=wasm32-wasi';
  if (header.length === 0)
    return invalid(`not a WebAssembly module: ${path} is empty`, 'build or copy it again');
  if (header.toString('latin1').startsWith('\u007FELF')) {
    return invalid(`not a WebAssembly module: ${path} is a native program (ELF)`, compile);
  }
  const text = header.toString('latin1');
  if (/^\s*(\(module|\(;|;;)/.test(text)) {
    return invalid(
      `not a WebAssembly module: ${path} is in the text format`,
      'translate it with wat2wasm first',
    );
  }
  return invalid(`not a WebAssembly module: ${path} begins with ${JSON.stringify(text)}`, compile);
};
