/** How a guest's crash is told: what happened, and its own functions on the stack. */

/** A frame of V8's stack trace inside WebAssembly: `at NAME (wasm://wasm/MODULE:wasm-function[N]:0xOFFSET)`. */
const WASM_FRAME = /at (?:(.+?) \()?wasm:\/\/wasm\/(?:[^:]*):wasm-function\[(\d+)\]:(0x[0-9a-f]+)\)?$/;

/** Frames kept of a trap's stack. */
export const TRAP_STACK_DEPTH = 50;

/** True for what a guest's own fault throws: traps, and stack exhaustion (a RangeError in V8). */
export const isTrap = (error: unknown): error is Error =>
  error instanceof WebAssembly.RuntimeError ||
  (error instanceof RangeError && /call stack/.test(error.message));

/** The lines a user sees; `file` is the module's name. */
export const describeTrap = (file: string, error: Error): string => {
  const frames = (error.stack ?? '').split('\n').flatMap((line) => {
    const match = WASM_FRAME.exec(line.trim());
    if (match === null) return [];
    const [, name, index, offset] = match;
    return [`    at ${name ?? `function ${index}`} (${file}:${offset})`];
  });
  return [`wasm trap: ${error.message}`, ...frames].join('\n');
};
