import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isComplete, isSwitchingProtocols, statusLineLength } from '../../../src/engine/http-response.ts';

const head = (status: string, ...headers: string[]): string =>
  [`HTTP/1.1 ${status}`, ...headers, '', ''].join('\r\n');

const complete = (text: string, body: string): boolean =>
  isComplete(Buffer.from(text + body), Buffer.byteLength(text + body), body.endsWith('0\r\n\r\n'));

describe('the end of a response', () => {
  test.each([
    [head('200 OK', 'Content-Length: 5'), 'Hello', true],
    [head('200 OK', 'content-length:5 '), 'Hello', true],
    [head('200 OK', 'Content-Length: 5'), 'Hell', false],
    [head('200 OK', 'Content-Length: 0'), '', true],
    [head('204 No Content'), '', true],
    [head('304 Not Modified', 'Content-Length: 9'), '', true],
    [head('200 OK', 'Transfer-Encoding: chunked'), '5\r\nHello\r\n0\r\n\r\n', true],
    [head('200 OK', 'Transfer-Encoding: gzip, chunked'), '5\r\nHello\r\n', false],
    [head('200 OK'), 'until the end of the connection', false],
    [head('200 OK'), 'whatever 0\r\n\r\n', false],
    [head('101 Switching Protocols'), '', false],
    [head('100 Continue'), '', false],
    ['HTTP/1.1 200 OK\r\nContent-Le', '', false],
    ['220 mail.example ESMTP\r\n\r\n', '', false],
    ['', '', false],
  ])('%j %j: %s', (text, body, expected) => {
    expect(complete(text, body)).toBe(expected);
  });

  test('is where the length says, wherever the head is cut off', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.nat(6000), (length, sent) => {
        const text = head('200 OK', 'Server: x', `Content-Length: ${length}`);
        expect(isComplete(Buffer.from(text), text.length + sent, false)).toBe(sent >= length);
      }),
    );
  });

  test('is never seen in bytes that are no response', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(), fc.boolean(), (bytes, sent, ends) => {
        fc.pre(!Buffer.from(bytes).toString('latin1').startsWith('HTTP/1.'));
        expect(isComplete(Buffer.from(bytes), sent, ends)).toBe(false);
        expect(statusLineLength(Buffer.from(bytes))).toBe(0);
      }),
    );
  });
});

test('the status line ends with its line', () => {
  expect(statusLineLength(Buffer.from('HTTP/1.1 200 OK\r\nA: b\r\n'))).toBe(17);
  expect(statusLineLength(Buffer.from('HTTP/1.1 200 OK'))).toBe(0);
  expect(isSwitchingProtocols(Buffer.from('HTTP/1.1 101 Switching Protocols\r\n'))).toBe(true);
  expect(isSwitchingProtocols(Buffer.from('HTTP/1.1 200 OK\r\n'))).toBe(false);
});
