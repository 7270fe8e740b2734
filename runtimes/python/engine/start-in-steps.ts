/**
 * What `python` does when it is started (Py_BytesMain), in the steps that Python's C API has: up to the point where
 * nothing of the app has run yet, and on from there.
 */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { writeText, writeTexts } from '../../../src/engine/emscripten/c-strings.ts';
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
  const [top, bottom] = [exports.emscripten_stack_get_base(), exports.emscripten_stack_get_end()];
  exports.__wasm_call_ctors();
  // Which has made the stack what it was (engine/threads.ts); CPython is about to look how large it is.
  exports.emscripten_stack_set_limits(top, bottom);
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

/** Addresses in the interpreter's `PyConfig` of what differs from app to app. */
export interface ConfigAddresses {
  /** `wchar_t *run_filename`, with `wchar_t *run_module` right before it. */
  readonly runFilename: number;
  /** `wchar_t **` of `PyWideStringList argv`, with its length right before it. */
  readonly argv: number;
}

/**
 * Finds them by what {@link initialize} has put there.
 * @throws {Error} where that is not in one place
 */
export const findConfigAddresses = ({ exports, memory }: Interpreter): ConfigAddresses => {
  memory.refresh();
  const placeholder = wideText(PLACEHOLDER);
  const word = (address: number): number =>
    address + 4 <= memory.bytes.length ? memory.view.getUint32(address, true) : 0;
  const isPlaceholder = (address: number): boolean =>
    address !== 0 &&
    address + placeholder.length <= memory.bytes.length &&
    placeholder.equals(memory.slice(address, placeholder.length));
  const start = exports._Py_GetConfig();
  const addresses = Array.from({ length: CONFIG_ROOM / 4 }, (_, index) => start + 4 * index);
  return {
    runFilename: onlyOne(addresses.filter((address) => isPlaceholder(word(address)))),
    argv: onlyOne(
      addresses.filter((address) => word(address - 4) === 1 && isPlaceholder(word(word(address)))),
    ),
  };
};

const wideText = (text: string): Buffer =>
  Buffer.from(Uint32Array.from(`${text}\0`, (character) => character.codePointAt(0)!).buffer);

const onlyOne = ([first, second]: readonly number[]): number => {
  if (first === undefined || second !== undefined) throw new Error('the configuration looks different');
  return first;
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
  { kind, name, argv }: PythonCommand,
  addresses: ConfigAddresses,
): Promise<number> => {
  const text = decode(exports, memory, name);
  const items = argv.map((argument) => decode(exports, memory, argument));
  const list = exports.malloc(4 * items.length);
  memory.refresh();
  const { view } = memory;
  for (const [index, item] of items.entries()) view.setUint32(list + 4 * index, item, true);
  view.setUint32(addresses.argv - 4, items.length, true);
  view.setUint32(addresses.argv, list, true);
  view.setUint32(addresses.runFilename, kind === 'file' ? text : 0, true);
  view.setUint32(addresses.runFilename - 4, kind === 'module' ? text : 0, true);
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
