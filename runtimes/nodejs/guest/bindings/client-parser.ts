/**
 * What undici is given in place of an instance of its llhttp, which is WebAssembly: the same exports and imports, with
 * the parser on the engine's side (engine/client-parsers.ts).
 */
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';

type Callback = (parser: number, ...values: number[]) => number;

/** Behind the chunk in the memory undici sees: the reason of an error as C has it. */
const REASON_SIZE = 256;
/** What undici's callbacks return for "stop" besides llhttp's own numbers. */
const FAILED = -1;

let callbacks: Readonly<Record<string, Callback>> = {};
/** What a callback threw: llhttp is not to be left by it. */
let thrown: { readonly error: unknown } | undefined;

/** The engine's parser has found something. */
export const onClientParser = (name: string, parser: number, ...values: number[]): number => {
  try {
    return callbacks[name]!(parser, ...values);
  } catch (error) {
    thrown = { error };
    return FAILED;
  }
};

const rethrow = (result: number): number => {
  if (thrown === undefined) return result;
  const { error } = thrown;
  thrown = undefined;
  throw error;
};

const createExports = (): Record<string, unknown> => {
  // undici copies a chunk to 0, for that is all `malloc` ever answers.
  const memory = { buffer: new ArrayBuffer(0) };
  return {
    memory,
    malloc: (size: number) => {
      memory.buffer = new ArrayBuffer(size + REASON_SIZE);
      return 0;
    },
    free: () => undefined,
    llhttp_alloc: () => host.clientParserAllocate(),
    llhttp_free: (parser: number) => host.clientParserFree(parser),
    llhttp_resume: (parser: number) => host.clientParserResume(parser),
    llhttp_execute: (parser: number, start: number, length: number) =>
      rethrow(host.clientParserExecute(parser, new Uint8Array(memory.buffer, start, length))),
    llhttp_finish: (parser: number) => rethrow(host.clientParserFinish(parser)),
    llhttp_get_error_pos: (parser: number) => host.clientParserErrorOffset(parser),
    llhttp_get_error_reason: (parser: number) => {
      const reason = host.clientParserErrorReason(parser);
      if (memory.buffer.byteLength === 0) memory.buffer = new ArrayBuffer(REASON_SIZE);
      const start = memory.buffer.byteLength - REASON_SIZE;
      const bytes = new Uint8Array(memory.buffer, start).fill(0);
      for (let at = 0; at < reason.length && at < REASON_SIZE - 1; at += 1) bytes[at] = reason.charCodeAt(at);
      return start;
    },
  };
};

/** A binding that only a changed undici asks for: see library-patches.ts. */
export const createClientParser = (): Binding => ({
  instantiate: ({ env }: { env: Readonly<Record<string, Callback>> }) => {
    callbacks = env;
    return { exports: createExports() };
  },
});
