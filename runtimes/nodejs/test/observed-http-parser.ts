/**
 * Node's own `HTTPParser` and ours behind one interface, for tests that compare what they tell: the
 * same bytes go to both, and every callback with its operands and every result is written down.
 */
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import { HttpParsers } from '../engine/http-parser.ts';
import { compileLlhttp } from '../engine/llhttp.ts';
import type { ConsumableStream, HttpParserRealm, StreamConsumer } from '../guest/http-parser-host.ts';
import { createHttpParserBinding } from '../guest/http-parser.ts';

/** What both offer, as far as these tests use it. */
export interface HttpParser {
  [callback: number]: unknown;
  onIncoming?: unknown;
  outgoing?: { method?: string } | null;
  initialize(
    type: number,
    resource: object,
    maxHeaderSize?: number,
    lenientFlags?: number,
    connections?: ConnectionsList | null,
  ): void;
  execute(bytes: Uint8Array): unknown;
  finish(): unknown;
  pause(): void;
  resume(): void;
  remove(): void;
  free(): void;
  close(): void;
  getCurrentBuffer(): Uint8Array;
  consume(stream: ConsumableStream): void;
  unconsume(): void;
}

export interface ConnectionsList {
  all(): HttpParser[];
  idle(): HttpParser[];
  active(): HttpParser[];
  expired(headersTimeout: number, requestTimeout: number): HttpParser[];
}

export interface HttpParserBinding {
  readonly HTTPParser: (new () => HttpParser) & Readonly<Record<string, unknown>>;
  readonly ConnectionsList: new () => ConnectionsList;
  readonly methods: readonly string[];
  readonly allMethods: readonly string[];
}

const require = createRequire(import.meta.url);

/** Sources of Node's built-in modules by name. */
export const natives = (
  process as unknown as { binding(name: 'natives'): Readonly<Record<string, string>> }
).binding('natives');

/** Node's own, as far as it can be had without flags; the lists of methods cannot. */
export async function nativeBinding(): Promise<Pick<HttpParserBinding, 'HTTPParser' | 'ConnectionsList'>> {
  const { HTTPParser } = require('_http_common') as Pick<HttpParserBinding, 'HTTPParser'>;
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  await using _ = server;
  const connections = (server as unknown as Record<symbol, ConnectionsList>)[connectionsKey(server)];
  return { HTTPParser, ConnectionsList: connections!.constructor as new () => ConnectionsList };
}

/** Where a listening server of Node has its list of connections. */
export const connectionsKey = (server: Server): symbol =>
  Object.getOwnPropertySymbols(server).find(({ description }) => description === 'http.server.connections')!;

/** What the guest's parsers inherit from. */
class AsyncWrap {
  getAsyncId(): number {
    return 1;
  }
}

/** A guest without asynchronous contexts. */
export const plainRealm: HttpParserRealm = {
  AsyncWrap,
  asyncReset: () => {},
  asyncDestroy: () => {},
  enter: () => {},
  leave: () => {},
  takeError: () => false,
  newBuffer: (memory, offset, length) => Buffer.from(memory, offset, length),
};

/** The host of the binding that is under test: the binding is one for each process. */
export const parsers = new HttpParsers(compileLlhttp(natives));

export const ourBinding = (realm = plainRealm) =>
  createHttpParserBinding(parsers, realm) as unknown as HttpParserBinding;

/** A stream whose host parses what it reads as soon as a parser has consumed it. */
export class ParsedStream implements ConsumableStream {
  consumer: StreamConsumer | null = null;

  consumedBy(consumer: StreamConsumer | null): void {
    this.consumer = consumer;
  }

  read(chunk: Uint8Array): void {
    const { consumer } = this;
    if (consumer === null) throw new Error('nobody has consumed the stream');
    consumer.onStreamRead(parsers.read(consumer.parserId(), chunk));
  }
}

export type Action = Uint8Array | 'finish' | 'pause' | 'resume';

export interface Scenario {
  readonly type: number;
  readonly actions: readonly Action[];
  readonly lenientFlags?: number;
  readonly maxHeaderSize?: number;
  /** Set on the parser as Node's library does. */
  readonly maxHeaderPairs?: number;
  /** What `kOnHeadersComplete` returns, given its status code and whether the message upgrades. */
  readonly answer?: (status: number | undefined, upgrades: boolean) => unknown;
}

/** How the bytes get to the parser. */
export type Mode = 'bare' | 'of the library' | 'consumed';

const CALLBACKS = ['message begin', 'headers', 'head', 'body', 'message complete'];
const ON_HEADERS_COMPLETE = 2;
const ON_EXECUTE = 5;

/** What a parser tells of a scenario, in order. Buffers are latin1 text. */
export function observe(
  HTTPParser: HttpParserBinding['HTTPParser'],
  scenario: Scenario,
  mode: Mode = 'bare',
): unknown[] {
  const parser = new HTTPParser();
  const told: unknown[] = [];
  parser.initialize(scenario.type, {}, scenario.maxHeaderSize ?? 0, scenario.lenientFlags ?? 0);
  if (scenario.maxHeaderPairs !== undefined)
    Object.assign(parser, { maxHeaderPairs: scenario.maxHeaderPairs });
  CALLBACKS.forEach((name, number) => {
    parser[number] = (...operands: unknown[]) => {
      told.push([name, ...operands.map(asText)]);
      if (number !== ON_HEADERS_COMPLETE) return undefined;
      return scenario.answer?.(operands[5] as number | undefined, operands[7] as boolean);
    };
  });
  if (mode !== 'bare') {
    parser.onIncoming = () => {};
    parser.outgoing = { method: 'GET' };
  }
  const results: unknown[] = [];
  const stream = new ParsedStream();
  if (mode === 'consumed') {
    parser[ON_EXECUTE] = (result: unknown) => results.push(result);
    parser.consume(stream);
  }
  let hasFailed = false;
  for (const action of scenario.actions) {
    if (mode === 'consumed' && typeof action !== 'string') stream.read(action);
    else results.push(typeof action === 'string' ? parser[action]() : parser.execute(action));
    const result = results.pop();
    if (result instanceof Error) told.push(describeError(result, hasFailed || action === 'finish'));
    else told.push(isCount(result, action) ? result : 0);
    hasFailed ||= result instanceof Error || action === 'pause';
  }
  parser.close();
  return told;
}

const asText = (operand: unknown) =>
  operand instanceof Uint8Array ? Buffer.from(operand).toString('latin1') : operand;

/** Of a parser that stands still after an upgrade, Node says a meaningless number of bytes. */
const isCount = (result: unknown, action: Action) =>
  typeof result !== 'number' || (result >= 0 && result <= action.length);

/** Of an error at the end, or that was told before, Node says a meaningless number of bytes. */
function describeError(error: Error, isCountless: boolean): unknown {
  const { bytesParsed, ...others } = error as Error & { bytesParsed: number };
  return { ...others, message: error.message, ...(isCountless ? {} : { bytesParsed }) };
}
