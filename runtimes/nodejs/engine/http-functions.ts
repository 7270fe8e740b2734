/** The parser of HTTP as functions of the guest. */
import type { EngineFunctions } from './guest.ts';
import type { HttpParsers } from './http-parser.ts';

export const httpFunctions = (parsers: HttpParsers): EngineFunctions => ({
  plain: {
    parserInitialize: (
      id: number,
      type: number,
      maxHeaderSize: number,
      lenientFlags: number,
      maxHeaders: number,
    ) => parsers.parserInitialize(id, type, maxHeaderSize, lenientFlags, maxHeaders),
    parserMaxHeaders: (id: number, count: number) => parsers.parserMaxHeaders(id, count),
    parserExecute: (id: number, bytes: Uint8Array, ask: boolean) =>
      parsers.parserExecute(id, bytes, ask) as never,
    parserContinue: (id: number, bytes: Uint8Array, offset: number, answer: number, ask: boolean) =>
      parsers.parserContinue(id, bytes, offset, answer, ask) as never,
    parserFinish: (id: number) => parsers.parserFinish(id) as never,
    parserPause: (id: number) => parsers.parserPause(id),
    parserResume: (id: number) => parsers.parserResume(id),
    parserFail: (id: number, code: string, reason: string) => parsers.parserFail(id, code, reason),
    parserFree: (id: number) => parsers.parserFree(id),
    parserNow: () => parsers.parserNow(),
  },
  raw: {},
});
