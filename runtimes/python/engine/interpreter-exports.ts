/** What the engine uses of the interpreter's exports; the build takes all others away. */
export interface InterpreterExports {
  readonly memory: WebAssembly.Memory;
  readonly __indirect_function_table: WebAssembly.Table;
  readonly __stack_pointer: WebAssembly.Global;
  /** Address of a flag: whether the interpreter asks for signals. */
  readonly Py_EMSCRIPTEN_SIGNAL_HANDLING: WebAssembly.Global;
  __wasm_call_ctors(): void;
  /** Makes the C library's environment anew, out of what the engine says. */
  __emscripten_environ_constructor(): void;
  emscripten_stack_init(): void;
  emscripten_stack_get_base(): number;
  emscripten_stack_get_end(): number;
  emscripten_stack_set_limits(top: number, bottom: number): void;
  malloc(size: number): number;
  free(address: number): void;
  emscripten_builtin_memalign(alignment: number, size: number): number;
  emscripten_builtin_free(address: number): void;
  __errno_location(): number;
  /** Python/pylifecycle.c: as `python` is started from a shell. */
  readonly Py_BytesMain: (count: number, values: number) => number;
  /** The same in two steps (Python/initconfig.c, PEP 587): a start, of which a `PyStatus` tells, and a run. */
  PyConfig_InitPythonConfig(config: number): void;
  readonly PyConfig_SetBytesArgv: (status: number, config: number, count: number, values: number) => void;
  readonly Py_InitializeFromConfig: (status: number, config: number) => void;
  PyConfig_Clear(config: number): void;
  readonly Py_RunMain: () => number;
  /** The configuration that the interpreter works with. */
  _Py_GetConfig(): number;
  /** A copy as wide characters of bytes that end with a zero. */
  Py_DecodeLocale(bytes: number, size: number): number;
  /** Runs a program's text in `__main__`; -1 after an exception, which it has printed. */
  readonly PyRun_SimpleString: (text: number) => number;
  /** Python/pylifecycle.c: what is done for a signal; 0 for the default, 1 for nothing, else a function's number. */
  PyOS_getsig(signal: number): number;
  /** Python/errors.c: the exception that the function of C which is being called ends with. */
  PyErr_SetString(type: number, text: number): void;
  /** Address of a pointer. */
  readonly PyExc_NotImplementedError: WebAssembly.Global;
  /** Gives CPython's lock back; the thread's state. */
  PyEval_SaveThread(): number;
  PyEval_RestoreThread(state: number): void;
}

const USED: Readonly<Record<keyof InterpreterExports, true>> = {
  memory: true,
  __indirect_function_table: true,
  __stack_pointer: true,
  Py_EMSCRIPTEN_SIGNAL_HANDLING: true,
  __wasm_call_ctors: true,
  __emscripten_environ_constructor: true,
  emscripten_stack_init: true,
  emscripten_stack_get_base: true,
  emscripten_stack_get_end: true,
  emscripten_stack_set_limits: true,
  malloc: true,
  free: true,
  emscripten_builtin_memalign: true,
  emscripten_builtin_free: true,
  __errno_location: true,
  Py_BytesMain: true,
  PyConfig_InitPythonConfig: true,
  PyConfig_SetBytesArgv: true,
  Py_InitializeFromConfig: true,
  PyConfig_Clear: true,
  Py_RunMain: true,
  _Py_GetConfig: true,
  Py_DecodeLocale: true,
  PyRun_SimpleString: true,
  PyOS_getsig: true,
  PyErr_SetString: true,
  PyExc_NotImplementedError: true,
  PyEval_SaveThread: true,
  PyEval_RestoreThread: true,
};

/** The type's names, as a list that cannot lack one. */
export const EXPORTED_NAMES: readonly string[] = Object.keys(USED);
