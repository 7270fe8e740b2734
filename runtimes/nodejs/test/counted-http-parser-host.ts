/** Our binding on a host of its own, for tests that count or change the calls between both. */
import { HttpParsers } from '../engine/http-parser.ts';
import { compileLlhttp } from '../engine/llhttp.ts';
import type { HttpParserHost } from '../guest/http-parser-host.ts';
import { createHttpParserBinding } from '../guest/http-parser.ts';
import { type ConnectionsList, type HttpParserBinding, natives, plainRealm } from './observed-http-parser.ts';

const REQUEST = 1;

const module = compileLlhttp(natives);

const HOST_FUNCTIONS = [
  'parserInitialize',
  'parserMaxHeaders',
  'parserExecute',
  'parserContinue',
  'parserFinish',
  'parserPause',
  'parserResume',
  'parserFail',
  'parserFree',
  'parserNow',
] as const satisfies (keyof HttpParserHost)[];

/** A binding on a host of its own, whose calls are counted. */
export function bindingWithCalls(changes: Partial<HttpParserHost> = {}, realm = plainRealm) {
  const host = new HttpParsers(module);
  const calls: string[] = [];
  const counted = Object.fromEntries(
    HOST_FUNCTIONS.map((name) => [
      name,
      (...operands: unknown[]): unknown => {
        calls.push(name);
        return Reflect.apply(changes[name] ?? host[name], host, operands);
      },
    ]),
  ) as unknown as HttpParserHost;
  const binding = createHttpParserBinding(counted, realm) as unknown as HttpParserBinding;
  return { host, calls, binding };
}

/** An initialized parser of either binding. */
export function newParser(
  { HTTPParser }: Pick<HttpParserBinding, 'HTTPParser'>,
  type = REQUEST,
  list?: ConnectionsList,
) {
  const parser = new HTTPParser();
  parser.initialize(type, {}, 0, 0, list);
  return parser;
}
