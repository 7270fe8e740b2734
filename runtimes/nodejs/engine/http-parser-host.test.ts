import { expect, test } from 'vitest';
import type { ParserEvents } from '../guest/http-parser-host.ts';
import { natives } from '../test/observed-http-parser.ts';
import { HttpParsers } from './http-parser.ts';
import { compileLlhttp } from './llhttp.ts';

const REQUEST = 1;

const GET = Buffer.from('GET / HTTP/1.1\r\nHost: h\r\n\r\n');

const module = compileLlhttp(natives);

test('has thousands of parsers at a time, whose numbers it gives again', () => {
  const host = new HttpParsers(module);
  const ids = Array.from({ length: 5000 }, () => host.parserInitialize(0, REQUEST, 0, 0, 0));
  expect(new Set(ids).size).toBe(5000);
  for (const id of ids) host.parserExecute(id, GET.subarray(0, 5), false);
  const heads = ids.map((id) => host.parserExecute(id, GET.subarray(5), false)[7] as ParserEvents);
  expect(new Set(heads.map(String))).toEqual(new Set(['/']));
  for (const id of ids) host.parserFree(id);
  expect(host.size).toBe(0);
  expect(host.parserInitialize(0, REQUEST, 0, 0, 0)).toBeLessThanOrEqual(5000);
});

test('refuses what is no parser', () => {
  const host = new HttpParsers(module);
  const id = host.parserInitialize(0, REQUEST, 0, 0, 0);
  host.parserFree(id);
  for (const call of [
    () => host.parserExecute(id, GET, false),
    () => host.parserExecute(-1, GET, false),
    () => host.parserFree(id),
    () => host.parserInitialize(id, REQUEST, 0, 0, 0),
    () => host.parserInitialize(0, 0, 0, 0, 0),
    () => host.parserInitialize(0, 3, 0, 0, 0),
    () => host.parserContinue(host.parserInitialize(0, REQUEST, 0, 0, 0), GET, 0, 0, false),
  ]) {
    expect(call).toThrow(RangeError);
  }
});

test('takes the limit of a head from its options, and no limit without end', () => {
  const host = new HttpParsers(module, { maxHeaderSize: 8 });
  const long = Buffer.from(`GET / HTTP/1.1\r\nA: ${'x'.repeat(8)}\r\n\r\n`);
  expect(host.parserExecute(host.parserInitialize(0, REQUEST, 0, 0, 0), long, false)).toContain(
    'HPE_HEADER_OVERFLOW',
  );
  expect(host.parserExecute(host.parserInitialize(0, REQUEST, 99, 0, 0), long, false)).not.toContain(
    'HPE_HEADER_OVERFLOW',
  );
  const id = host.parserInitialize(0, REQUEST, Number.MAX_SAFE_INTEGER, 0, 0);
  const huge = Buffer.concat([long.subarray(0, -4), Buffer.alloc(17 * 1024 * 1024, 'x')]);
  expect(host.parserExecute(id, huge, false)).toContain('HPE_HEADER_OVERFLOW');
});

test('finds llhttp wherever this Node has it, or says so', () => {
  const undici = natives['internal/deps/undici/undici']!;
  expect(compileLlhttp({ other: 'text', moved: undici })).toBeInstanceOf(WebAssembly.Module);
  expect(() => compileLlhttp({ other: 'AGFzbQEAAAA' })).toThrow(
    expect.objectContaining({ code: 'RUNTIME_UNAVAILABLE', hint: expect.stringContaining('pinned') }),
  );
});

test('refuses another WebAssembly than the llhttp it knows', () => {
  const undici = natives['internal/deps/undici/undici']!;
  const base64 = /"(AGFzbQEAAAA[^"]+)"/.exec(undici)![1]!;
  const bytes = Buffer.from(base64, 'base64');
  // Its settings: the callback of a message's begin, none for the protocol, then that of the url.
  const settings = bytes.indexOf(Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]));
  expect(settings).toBeGreaterThan(0);
  bytes[settings + 4] = 1;
  expect(() => new HttpParsers(new WebAssembly.Module(bytes))).toThrow(
    expect.objectContaining({ code: 'RUNTIME_UNAVAILABLE', message: expect.stringContaining('laid out') }),
  );
});
