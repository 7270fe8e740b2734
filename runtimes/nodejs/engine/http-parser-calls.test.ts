import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createHttpParserBinding } from '../guest/http-parser.ts';
import { bindingWithCalls, newParser } from '../test/counted-http-parser-host.ts';
import {
  type HttpParser,
  type HttpParserBinding,
  nativeBinding,
  ParsedStream,
  parsers,
  plainRealm,
} from '../test/observed-http-parser.ts';

const REQUEST = 1;
const RESPONSE = 2;

const ON_MESSAGE_BEGIN = 0;
const ON_HEADERS_COMPLETE = 2;
const ON_BODY = 3;
const ON_MESSAGE_COMPLETE = 4;
const ON_EXECUTE = 5;

const GET = Buffer.from('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
const POST = Buffer.from('POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc');
const UPGRADE = Buffer.from('GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nrest');

const native = await nativeBinding();

/** As Node's server sets one up. */
const ofServer = (parser: HttpParser) => Object.assign(parser, { onIncoming: () => {} });

describe('how often guest and host call each other', () => {
  test.each([
    ['a request without a body', REQUEST, GET, undefined],
    ['a request with one', REQUEST, POST, undefined],
    ['an upgrade', REQUEST, UPGRADE, undefined],
    ['twenty requests', REQUEST, Buffer.concat(Array.from({ length: 20 }, () => POST)), undefined],
    ['a response', RESPONSE, Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1'), { method: 'GET' }],
  ])('once for %s in one chunk', (_, type, chunk, outgoing) => {
    const { calls, binding } = bindingWithCalls();
    const parser = Object.assign(ofServer(newParser(binding, type)), { outgoing });
    const heads = vi.fn<() => number>(() => 0);
    parser[ON_HEADERS_COMPLETE] = heads;
    calls.length = 0;
    parser.execute(chunk);
    expect(heads).toHaveBeenCalled();
    expect(calls).toEqual(['parserExecute']);
  });

  test('twice where the answer to a head matters', () => {
    const { calls, binding } = bindingWithCalls();
    const parser = Object.assign(ofServer(newParser(binding, RESPONSE)), { outgoing: { method: 'HEAD' } });
    parser[ON_HEADERS_COMPLETE] = () => 1;
    const body = vi.fn<() => void>();
    parser[ON_BODY] = body;
    calls.length = 0;
    expect(parser.execute(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'))).toBe(38);
    expect(calls).toEqual(['parserExecute', 'parserContinue']);
    expect(body).not.toHaveBeenCalled();
  });
});

describe('a callback that', () => {
  test.each([
    [ON_HEADERS_COMPLETE, 'HPE_CB_HEADERS_COMPLETE'],
    [ON_BODY, 'HPE_JS_EXCEPTION'],
    [ON_MESSAGE_COMPLETE, 'HPE_CB_MESSAGE_COMPLETE'],
  ])('throws (%i) ends the parser as in Node', (number, code) => {
    for (const binding of [native, bindingWithCalls().binding]) {
      for (const setUp of [(parser: HttpParser) => parser, ofServer]) {
        const parser = setUp(newParser(binding));
        const after = vi.fn<() => void>();
        if (number !== ON_MESSAGE_COMPLETE) parser[ON_MESSAGE_COMPLETE] = after;
        parser[number] = () => {
          throw new TypeError('from the callback');
        };
        expect(() => parser.execute(POST)).toThrow(new TypeError('from the callback'));
        expect(parser.execute(POST)).toMatchObject({ message: 'Parse Error', code });
        expect(parser.finish()).toBeUndefined();
        expect(after).not.toHaveBeenCalled();
      }
    }
  });

  test('pauses lets the chunk end', () => {
    for (const binding of [native, bindingWithCalls().binding]) {
      for (const number of [ON_MESSAGE_BEGIN, ON_HEADERS_COMPLETE, ON_BODY, ON_MESSAGE_COMPLETE]) {
        const parser = newParser(binding);
        parser[number] = () => parser.pause();
        expect(parser.execute(POST)).toBe(POST.length);
        expect(parser.execute(POST)).toMatchObject({ code: 'HPE_PAUSED', reason: 'Paused' });
        parser.resume();
        expect(parser.execute(POST)).toBe(POST.length);
      }
    }
  });

  test('gives the parser back is told nothing more', () => {
    const { binding } = bindingWithCalls();
    const heads = vi.fn<() => void>();
    const reused = newParser(binding);
    reused[ON_HEADERS_COMPLETE] = () => {
      heads();
      reused.free();
      reused.initialize(RESPONSE, {});
      return 5;
    };
    expect(reused.execute(Buffer.concat([GET, GET]))).toBe(GET.length - 2 + 2);
    expect(heads).toHaveBeenCalledOnce();
    reused[ON_HEADERS_COMPLETE] = null;
    expect(reused.execute(Buffer.from('HTTP/1.1 204 None\r\n\r\n'))).toBe(21);
  });

  test('asks for the present chunk gets a copy', () => {
    const { binding } = bindingWithCalls();
    const parser = newParser(binding);
    const seen: Uint8Array[] = [];
    parser[ON_HEADERS_COMPLETE] = () => {
      seen.push(parser.getCurrentBuffer());
    };
    const chunk = Buffer.from(GET);
    parser.execute(chunk);
    chunk.fill(0);
    expect(seen).toEqual([GET]);
    expect(parser.getCurrentBuffer()).toEqual(Buffer.alloc(0));
  });

  test('keeps a body keeps a copy', () => {
    const { binding } = bindingWithCalls();
    const parser = newParser(binding);
    const bodies: unknown[] = [];
    parser[ON_BODY] = (body: unknown) => bodies.push(body);
    const chunk = Buffer.from(POST);
    parser.execute(chunk);
    chunk.fill(0);
    expect(bodies).toEqual([Buffer.from('abc')]);
  });
});

describe('a stream that a parser has consumed', () => {
  const consumed = () => {
    const binding = createHttpParserBinding(parsers, plainRealm) as unknown as HttpParserBinding;
    const parser = ofServer(newParser(binding));
    const results: [result: unknown, chunk: string][] = [];
    parser[ON_EXECUTE] = (result: unknown) => {
      results.push([result, Buffer.from(parser.getCurrentBuffer()).toString()]);
    };
    const stream = new ParsedStream();
    parser.consume(stream);
    onTestFinished(() => parser.close());
    return { parser, results, stream };
  };

  test('is told how each chunk went, with its bytes only after an upgrade or an error', () => {
    const { results, stream } = consumed();
    stream.read(GET);
    stream.read(UPGRADE);
    const other = consumed();
    other.stream.read(Buffer.from('?'));
    expect([...results, ...other.results]).toEqual([
      [GET.length, ''],
      [UPGRADE.length - 4, UPGRADE.toString()],
      [expect.objectContaining({ code: 'HPE_INVALID_METHOD', bytesParsed: 0 }), '?'],
    ]);
  });

  test('brings bodies', () => {
    const { parser, stream } = consumed();
    const bodies: unknown[] = [];
    parser[ON_BODY] = (body: unknown) => bodies.push(body);
    stream.read(POST.subarray(0, -2));
    stream.read(Buffer.from('bc'));
    expect(bodies).toEqual([Buffer.from('a'), Buffer.from('bc')]);
  });

  test('may also bring bytes to a parser', () => {
    const { results, stream } = consumed();
    stream.consumer!.onStreamRead(UPGRADE);
    expect(results).toEqual([[UPGRADE.length - 4, UPGRADE.toString()]]);
  });

  test('is its own again', () => {
    const { parser, stream } = consumed();
    expect(stream.consumer!.parserId()).toBeGreaterThan(0);
    parser.unconsume();
    parser.unconsume();
    expect(stream.consumer).toBeNull();
  });

  test('is parsed by the guest where the host cannot know the answers', () => {
    const parser = newParser(bindingWithCalls().binding);
    const stream = new ParsedStream();
    parser.consume(stream);
    expect(stream.consumer!.parserId()).toBe(0);
  });
});

test('the asynchronous context is entered for each chunk, and left whatever happens', () => {
  const steps: string[] = [];
  const realm = {
    ...plainRealm,
    asyncReset: (_: object, __: object, provider: string) => steps.push(provider),
    asyncDestroy: () => steps.push('destroy'),
    enter: () => steps.push('enter'),
    leave: () => steps.push('leave'),
  };
  const parser = newParser(bindingWithCalls({}, realm).binding);
  parser[ON_HEADERS_COMPLETE] = () => {
    steps.push('head');
    throw new Error('no');
  };
  expect(() => parser.execute(GET)).toThrow('no');
  parser.finish();
  parser.free();
  parser.initialize(RESPONSE, {});
  expect(steps.join(' ')).toBe('HTTPINCOMINGMESSAGE enter head leave enter leave destroy HTTPCLIENTREQUEST');
});
