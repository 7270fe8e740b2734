/**
 * What `python` does when it is started (Py_BytesMain), in the steps that Python's C API has: up to the point where
 * nothing of the app has run yet, and on from there.
 */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { writeText, writeTexts } from './c-strings.ts';
import type { Interpreter } from './interpreter.ts';
import type { InterpreterExports } from './interpreter-exports.ts';

/** More than a `PyConfig` (cpython/initconfig.h) takes. */
const CONFIG_ROOM = 4096;
/** struct PyStatus: kind of result, function, message, exit status. */
const STATUS_SIZE = 16;
/** What the app's file is called until it is known. */
const PLACEHOLDER = '/the file of an app';

/** What is run, as the command line named it. */
export interface PythonCommand {
  readonly kind: 'file' | 'module';
  readonly name: string;
  /** `sys.argv` at first. */
  readonly argv: readonly string[];
}

/** Undefined for options of the interpreter, which change what it is from the start. */
export const parseCommand = ([, first = '-', ...rest]: readonly string[]): PythonCommand | undefined => {
  if (!first.startsWith('-')) return { kind: 'file', name: first, argv: [first, ...rest] };
  const [name, ...args] = rest;
  return first === '-m' && name !== undefined ? { kind: 'module', name, argv: ['-m', ...args] } : undefined;
};

/** To be called on the interpreter's main thread. */
export const initialize = async ({ exports, memory }: Interpreter): Promise<void> => {
  exports.__wasm_call_ctors();
  const config = exports.malloc(CONFIG_ROOM);
  const status = exports.malloc(STATUS_SIZE);
  exports.PyConfig_InitPythonConfig(config);
  const args = ['python', PLACEHOLDER];
  const list = writeTexts(exports, memory, args);
  await WebAssembly.promising(exports.PyConfig_SetBytesArgv)(status, config, args.length, list);
  checkStatus(memory, status);
  await WebAssembly.promising(exports.Py_InitializeFromConfig)(status, config);
  checkStatus(memory, status);
  exports.PyConfig_Clear(config);
  exports.free(config);
  exports.free(status);
};

const checkStatus = (memory: GuestMemory, status: number): void => {
  memory.refresh();
  if (memory.view.getInt32(status, true) !== 0) throw new Error('the interpreter could not be initialized');
};

/**
 * Address of `run_filename` in the configuration of an interpreter that {@link initialize} has started.
 * @throws {Error} where it is not in one place
 */
export const findRunFilename = ({ exports, memory }: Interpreter): number => {
  const wide = Buffer.from(
    Uint32Array.from(`${PLACEHOLDER}\0`, (character) => character.codePointAt(0)!).buffer,
  );
  const start = exports._Py_GetConfig();
  memory.refresh();
  const found: number[] = [];
  for (let address = start; address < start + CONFIG_ROOM; address += 4) {
    const text = memory.view.getUint32(address, true);
    if (text === 0 || text + wide.length > memory.bytes.length) continue;
    if (wide.equals(memory.slice(text, wide.length))) found.push(address);
  }
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error('the configuration has no file of an app');
  return only;
};

/** Runs a program's text in `__main__`; on the main thread. */
export const runText = async ({ exports, memory }: Interpreter, text: string): Promise<void> => {
  const address = writeText(exports, memory, text);
  const result = await WebAssembly.promising(exports.PyRun_SimpleString)(address);
  exports.free(address);
  if (result !== 0) throw new Error('the interpreter could not be prepared');
};

/** Runs the app; on the main thread. `sys.argv` is right already. */
export const runMain = (
  { exports, memory }: Interpreter,
  { kind, name }: PythonCommand,
  runFilename: number,
): Promise<number> => {
  const argv = writeText(exports, memory, 'argv');
  exports.PyConfig_Set(argv, exports.PySys_GetObject(argv));
  exports.free(argv);
  const text = decode(exports, memory, name);
  memory.refresh();
  memory.view.setUint32(runFilename, kind === 'file' ? text : 0, true);
  memory.view.setUint32(runFilename - 4, kind === 'module' ? text : 0, true);
  return WebAssembly.promising(exports.Py_RunMain)();
};

/** Address of wide characters that the interpreter may free. */
const decode = (exports: InterpreterExports, memory: GuestMemory, text: string): number => {
  const bytes = writeText(exports, memory, text);
  const wide = exports.Py_DecodeLocale(bytes, 0);
  exports.free(bytes);
  return wide;
};

/** A list of byte strings in Python's syntax. */
export const pythonList = (texts: readonly string[]): string =>
  `[${texts
    .map(
      (text) =>
        `b"${Buffer.from(text)
          .toString('hex')
          .replaceAll(/../g, String.raw`\x$&`)}"`,
    )
    .join(',')}]`;
