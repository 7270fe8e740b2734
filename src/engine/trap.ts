/** How a guest's crash is told: what happened, and its own functions on the stack. */

/** A frame of V8's stack trace inside WebAssembly: `at NAME (wasm://wasm/MODULE:wasm-function[N]:0xOFFSET)`. */
const WASM_FRAME = /at (?:(.+?) \()?wasm:\/\/wasm\/(?:[^:]*):wasm-function\[(\d+)\]:(0x[0-9a-f]+)\)?$/;

/** Frames kept of a trap's stack. */
export const TRAP_STACK_DEPTH = 50;

/** What a guest's own fault throws: traps, exceptions it does not catch, and stack exhaustion (a RangeError in V8). */
type Trap = Error | WebAssembly.Exception;

export const isTrap = (error: unknown): error is Trap =>
  error instanceof WebAssembly.RuntimeError ||
  error instanceof WebAssembly.Exception ||
  (error instanceof RangeError && /call stack/.test(error.message));

/** The lines a user sees; `file` is the module's name. */
export const describeTrap = (file: string, trap: Trap): string => {
  const frames = (trap.stack ?? '').split('\n').flatMap((line) => {
    const match = WASM_FRAME.exec(line.trim());
    if (match === null) return [];
    const [, name, index, offset] = match;
    return [`    at ${name ?? `function ${index}`} (${file}:${offset})`];
  });
  const what = trap instanceof Error ? trap.message : 'an exception was thrown and not caught';
  return [`wasm trap: ${what}`, ...fold(frames)].join('\n');
};

/** Functions that call each other in turn: up to so many in one repeated group. */
const MAX_GROUP = 8;

/** Tells a group of lines that repeats itself once, and how often it came again. */
const fold = (lines: readonly string[]): string[] => {
  const folded: string[] = [];
  for (let at = 0; at < lines.length;) {
    const { size, times } = repetitionAt(lines, at);
    folded.push(...lines.slice(at, at + size));
    at += size * times;
    if (times === 1) continue;
    // What V8 left out of a deep stack was most likely more of the same.
    const atLeast = at + size > TRAP_STACK_DEPTH ? 'at least ' : '';
    const what = size === 1 ? 'the same' : `the same ${size} lines`;
    folded.push(`    … ${what} ${atLeast}${times - 1} more times`);
  }
  return folded;
};

/** The shortest group that starts at `at` and follows itself twice or more; else the one line there. */
const repetitionAt = (lines: readonly string[], at: number): { size: number; times: number } => {
  for (let size = 1; size <= MAX_GROUP; size += 1) {
    let end = at + size;
    while (end < lines.length && lines[end] === lines[end - size]) end += 1;
    const times = Math.floor((end - at) / size);
    if (times > 2) return { size, times };
  }
  return { size: 1, times: 1 };
};
