/** What the engine uses of the interpreter's exports. */
export interface InterpreterExports {
  readonly memory: WebAssembly.Memory;
  readonly __indirect_function_table: WebAssembly.Table;
  readonly __stack_pointer: WebAssembly.Global;
  /** Address of a flag: whether the interpreter asks for signals. */
  readonly Py_EMSCRIPTEN_SIGNAL_HANDLING: WebAssembly.Global;
  __wasm_call_ctors(): void;
  emscripten_stack_init(): void;
  emscripten_stack_get_base(): number;
  emscripten_stack_get_end(): number;
  emscripten_stack_set_limits(top: number, bottom: number): void;
  malloc(size: number): number;
  free(address: number): void;
  __errno_location(): number;
  /** Python/pylifecycle.c: as `python` is started from a shell. */
  readonly Py_BytesMain: (count: number, values: number) => number;
  /** Python/pylifecycle.c: what is done for a signal; 0 for the default, 1 for nothing, else a function's number. */
  PyOS_getsig(signal: number): number;
  /** Gives CPython's lock back; the thread's state. */
  PyEval_SaveThread(): number;
  PyEval_RestoreThread(state: number): void;
}
