import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Action,
  type HttpParserBinding,
  nativeBinding,
  observe,
  ourBinding,
  plainRealm,
  type Scenario,
} from '../test/observed-http-parser.ts';

const REQUEST = 1;
const RESPONSE = 2;

const LENIENT_ALL = 0x3ff;
const LENIENT_HEADER_VALUE_RELAXED = 0x400;

const GET = 'GET /a?b HTTP/1.1\r\nHost: localhost\r\nAccept: */* \r\n\r\n';
const POST = 'POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc';
const CHUNKED =
  'POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x="y"\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc';

let native: Awaited<ReturnType<typeof nativeBinding>>;
let ours: HttpParserBinding;

beforeAll(async () => {
  native = await nativeBinding();
  ours = ourBinding();
});

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const isWord = (action: string): action is 'finish' | 'pause' | 'resume' =>
  ['finish', 'pause', 'resume'].includes(action);

/** Chunks as text; the words among them are calls. */
const actions = (...all: string[]): Action[] =>
  all.map((action) => (isWord(action) ? action : latin1(action)));

const expectSame = (scenario: Scenario) => {
  const told = observe(ours.HTTPParser, scenario);
  expect(told).toEqual(observe(native.HTTPParser, scenario));
  return told;
};

describe('the binding', () => {
  test('has the properties of that of Node', () => {
    expect({ ...ours.HTTPParser }).toMatchObject({ ...native.HTTPParser });
    const methods = (HTTPParser: HttpParserBinding['HTTPParser']) =>
      Object.getOwnPropertyNames(HTTPParser.prototype);
    expect(methods(ours.HTTPParser)).toEqual(expect.arrayContaining(methods(native.HTTPParser)));
    expect(ours.HTTPParser.prototype).toBeInstanceOf(plainRealm.AsyncWrap);
  });

  test('numbers the methods as llhttp does', () => {
    expect(ours.methods).toHaveLength(35);
    ours.allMethods.forEach((name, number) => {
      const protocol = ours.methods.includes(name) ? 'HTTP/1.1' : 'RTSP/1.0';
      if (name === 'PRI') return;
      expect(
        expectSame({ type: REQUEST, actions: actions(`${name} * ${protocol}\r\n\r\n`) })[1],
        name,
      ).toMatchObject({ 4: number });
    });
    expect(ours.allMethods[34]).toBe('PRI');
  });
});

describe('the parser tells what that of Node tells', () => {
  test.each<[string, number, Action[], Omit<Scenario, 'type' | 'actions'>?]>([
    ['a request in one chunk', REQUEST, actions(GET)],
    ['a request byte by byte', REQUEST, actions(...GET.split(''))],
    ['a body by content length', REQUEST, actions(POST.slice(0, -2), 'bc')],
    ['a body in chunks, with trailers', REQUEST, actions(CHUNKED)],
    ['the same byte by byte', REQUEST, actions(...CHUNKED.split(''))],
    ['requests one after the other', REQUEST, actions(GET + POST + CHUNKED + GET, GET)],
    [
      'more headers than fit at once',
      REQUEST,
      actions(`GET /u HTTP/1.1\r\n${'A: b\r\n'.repeat(70)}\r\n${GET}`),
    ],
    ['exactly as many as fit', REQUEST, actions(`GET /u HTTP/1.1\r\n${'A: b\r\n'.repeat(31)}\r\n${GET}`)],
    [
      'many headers in pieces',
      REQUEST,
      actions(...`GET /u HTTP/1.1\r\n${'Ab: cd \t\r\n'.repeat(33)}\r\n`.split('')),
    ],
    ['empty values and odd bytes', REQUEST, actions('GET / HTTP/1.1\r\nA:\r\nB: \r\nC: \xe9\xff\r\n\r\n')],
    ['HTTP/1.0', REQUEST, actions('GET / HTTP/1.0\r\n\r\n')],
    ['HTTP/1.0 kept alive', REQUEST, actions('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')],
    ['close', REQUEST, actions('GET / HTTP/1.1\r\nConnection: close\r\n\r\n', GET)],
    ['a list of connection tokens', REQUEST, actions('GET / HTTP/1.1\r\nConnection: a, Close , b\r\n\r\n')],
    ['tabs around connection tokens', REQUEST, actions('GET / HTTP/1.1\r\nConnection: close\t\r\n\r\n', GET)],
    [
      'tabs between them',
      REQUEST,
      actions('GET / HTTP/1.1\r\nConnection: upgrade\t,x\r\nUpgrade: y\r\n\r\nz'),
    ],
    ['no token but alike', REQUEST, actions('GET / HTTP/1.1\r\nConnection: close\t.\r\n\r\n', GET)],
    ['an upgrade', REQUEST, actions('GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nrest', GET)],
    [
      'an upgrade with a body',
      REQUEST,
      actions('PUT / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\na', 'bcrest'),
    ],
    ['CONNECT', REQUEST, actions('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nrest', 'finish')],
    ['HTTP/2 without asking', REQUEST, actions('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['garbage', REQUEST, actions('GARBAGE', GET, 'finish')],
    ['nothing', REQUEST, actions('', GET)],
    ['an end within a head', REQUEST, actions('GET / HT', 'finish', 'finish')],
    ['an end within a body', REQUEST, actions(POST.slice(0, -1), 'finish')],
    ['an end between messages', REQUEST, actions(GET, 'finish')],
    [
      'two content lengths',
      REQUEST,
      actions('GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na'),
    ],
    [
      'content length and chunks',
      REQUEST,
      actions('GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    ],
    ['chunked not last', REQUEST, actions('GET / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n')],
    ['an empty transfer encoding', REQUEST, actions('GET / HTTP/1.1\r\nTransfer-Encoding: \r\n\r\n')],
    ['the same byte by byte', REQUEST, actions(...'GET / HTTP/1.1\r\ntransfer-encoding:\r\n\r\n'.split(''))],
    [
      'one beside another',
      RESPONSE,
      actions('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n'),
    ],
    [
      'a value that no value begins with',
      REQUEST,
      actions('GET / HTTP/1.1\r\nTransfer-Encoding: \x7f\r\n\r\n'),
    ],
    [
      'a value that ends with a chunk',
      REQUEST,
      actions('GET / HTTP/1.1\r\nTransfer-Encoding: chunked', '\r\n\r\n'),
    ],
    [
      'a length that overflows',
      REQUEST,
      actions(`GET / HTTP/1.1\r\nContent-Length: ${'9'.repeat(30)}\r\n\r\n`),
    ],
    ['a folded header', REQUEST, actions('GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n')],
    [
      'a folded header, leniently',
      REQUEST,
      actions('GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n'),
      { lenientFlags: 1 },
    ],
    ['a bare LF', REQUEST, actions('GET / HTTP/1.1\nA: b\n\n')],
    ['a bare LF, leniently', REQUEST, actions('GET / HTTP/1.1\nA: b\n\n'), { lenientFlags: LENIENT_ALL }],
    ['a NUL', REQUEST, actions('GET / HTTP/1.1\r\nA: b\0\r\n\r\n')],
    ['a control character', REQUEST, actions('GET / HTTP/1.1\r\nA: b\x01\r\n\r\n')],
    [
      'control characters where they are welcome',
      REQUEST,
      actions('GET / HTTP/1.1\r\nA: \x01b\x7f\x1f \r\n\r\n', 'GET / HTTP/1.1\r\nB: \x0b', '\x0c\r\n\r\n'),
      { lenientFlags: LENIENT_HEADER_VALUE_RELAXED },
    ],
    [
      'such a character in a url',
      REQUEST,
      actions('GET /\x01 HTTP/1.1\r\n\r\n'),
      { lenientFlags: LENIENT_HEADER_VALUE_RELAXED },
    ],
    ['a head that is too long', REQUEST, actions(`GET / HTTP/1.1\r\nA: ${'x'.repeat(16_390)}`, GET)],
    ['a url that is too long', REQUEST, actions(`GET /${'x'.repeat(16_384)}`, GET)],
    ['a head of a limit', REQUEST, actions('GET / HTTP/1.1\r\nA: bc\r\n\r\n'), { maxHeaderSize: 5 }],
    ['a head below a limit', REQUEST, actions('GET / HTTP/1.1\r\nA: bc\r\n\r\n'), { maxHeaderSize: 6 }],
    ['trailers that are too long', REQUEST, actions(`${CHUNKED.slice(0, -4)}${'t'.repeat(16_384)}\r\n\r\n`)],
    [
      'chunk extensions that are too long',
      REQUEST,
      actions(`POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;${'a'.repeat(16_385)}\r\nabc\r\n`),
    ],
    [
      'chunk extensions that are long only together',
      REQUEST,
      actions(
        `POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${`1;${'a'.repeat(9000)}=b\r\nc\r\n`.repeat(3)}0\r\n\r\n`,
      ),
    ],
    ['paused from outside', REQUEST, actions('pause', GET, GET, 'finish', 'resume', GET)],
    [
      'a body larger than any read',
      REQUEST,
      actions(`PUT / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`),
    ],
    [
      'a head across such parts',
      REQUEST,
      actions(`PUT / HTTP/1.1\r\nContent-Length: 65500\r\n\r\n${'x'.repeat(65_500)}${GET}`),
    ],
    ['a response', RESPONSE, actions(OK)],
    ['a response byte by byte', RESPONSE, actions(...OK.split(''))],
    ['a response up to the end', RESPONSE, actions('HTTP/1.1 200 OK\r\n\r\nabc', 'def', 'finish', 'finish')],
    ['a response without a reason', RESPONSE, actions('HTTP/1.1 200\r\n\r\n')],
    ['a reason in pieces', RESPONSE, actions('HTTP/1.1 404 Not', ' Fou', 'nd\r\nContent-Length: 0\r\n\r\n')],
    ['an interim response', RESPONSE, actions(`HTTP/1.1 100 Continue\r\n\r\n${OK}`)],
    ['no content', RESPONSE, actions(`HTTP/1.1 204 No Content\r\n\r\n${OK}`)],
    [
      'a response to HEAD',
      RESPONSE,
      actions('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n', OK),
      { answer: () => 1 },
    ],
    ['a response to CONNECT', RESPONSE, actions('HTTP/1.1 200 OK\r\n\r\nrest', 'more'), { answer: () => 2 }],
    ['answers that are no numbers', REQUEST, actions(POST + GET), { answer: () => 'x' }],
    ['an answer that is no integer', REQUEST, actions(POST.slice(0, -3) + GET), { answer: () => 1.9 }],
    ['an answer out of range', REQUEST, actions(POST, POST, 'finish'), { answer: () => 7 }],
    ['a negative answer', REQUEST, actions(POST, POST, 'finish'), { answer: () => -1 }],
    ['a pause as the answer', REQUEST, actions(POST, 'resume', POST.slice(-3), GET), { answer: () => 21 }],
  ])('of %s', (_, type, actions, more = {}) => {
    expectSame({ type, actions, ...more });
  });

  test.each([
    ['in one chunk', actions('HTTP/1.1 200 OK\r\rA: b\r\n\r\n')],
    ['in two', actions('HTTP/1.1 200 OK\r\r', 'A: b\r\n\r\n')],
  ])('of a status line without LF %s, but later', (_, actions) => {
    const refusal = { code: 'HPE_STRICT', reason: 'Expected LF after CR', message: 'Parse Error' };
    for (const { HTTPParser } of [native, ours]) {
      const told = observe(HTTPParser, { type: RESPONSE, actions });
      expect(told).toContainEqual(expect.objectContaining(refusal));
      expect(told).not.toContainEqual(expect.arrayContaining(['head']));
    }
  });

  test.each([0, 1, 2, 3, 4, 5, 2000])(
    'of heads and trailers that may have %i names and values',
    (maxHeaderPairs) => {
      const request = 'A: 1\r\nBb: 2\r\n\r\n';
      const texts = [
        [REQUEST, `GET / HTTP/1.1\r\n${request}GET / HTTP/1.1\r\n${request}`],
        [REQUEST, `POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${request}`],
        [RESPONSE, `HTTP/1.1 200 OK\r\nC: 3\r\n${request}`],
      ] as const;
      for (const [type, text] of texts) {
        const scenario = { type, actions: actions(text), maxHeaderPairs };
        expect(observe(ours.HTTPParser, scenario)).toEqual(observe(native.HTTPParser, scenario));
      }
    },
  );

  test('except of a tab after a content length, which llhttp 9.3 refuses', () => {
    const scenario = { type: REQUEST, actions: actions('PUT / HTTP/1.1\r\nContent-Length: 0\t\r\n\r\n') };
    expect(observe(native.HTTPParser, scenario)).toContain(38);
    const refusal = expect.objectContaining({ code: 'HPE_INVALID_CONTENT_LENGTH', bytesParsed: 33 });
    expect(observe(ours.HTTPParser, scenario)).toContainEqual(refusal);
  });

  test('but is not stuck, as that of Node is, on NUL where control characters are welcome', () => {
    const scenario = { type: REQUEST, actions: actions('GET / HTTP/1.1\r\nA: \0\r\n\r\n') };
    expect(observe(ours.HTTPParser, { ...scenario, lenientFlags: LENIENT_HEADER_VALUE_RELAXED })).toEqual(
      observe(native.HTTPParser, scenario),
    );
  });

  test('of thousands of requests in one chunk, which cross over in parts', () => {
    const scenario = { type: REQUEST, actions: [latin1('GET / HTTP/1.1\r\n\r\n'.repeat(30_000))] };
    const told = observe(ours.HTTPParser, scenario, 'of the library');
    expect(told).toHaveLength(3 * 30_000 + 1);
    expect(told).toEqual(observe(native.HTTPParser, scenario));
  });
});
