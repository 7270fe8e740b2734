/** What a client of PostgreSQL might send that knows half of the protocol, or wants to do harm. */
import * as fc from 'fast-check';
import { cancelRequest, protocolMessage, startupMessage } from './postgres-client.ts';

const int = (value: number, size: 2 | 4): Buffer => {
  const bytes = Buffer.alloc(size);
  if (size === 2) bytes.writeInt16BE(value);
  else bytes.writeInt32BE(value);
  return bytes;
};

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((each) => Buffer.from(each));

/** Lengths that no message has, or that none is sent with. */
const wrongLength = fc.constantFrom(-1, 0, 1, 3, 5, 0x7fff_ffff, -0x8000_0000, 0x3fff_ffe0, 100_000);

const cut = (part: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc.tuple(part, fc.nat()).map(([whole, at]) => whole.subarray(0, at % (whole.length + 1)));
const changed = (part: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc.tuple(part, fc.nat(), fc.nat(255)).map(([whole, at, value]) => {
    const copy = Buffer.from(whole);
    if (copy.length > 0) copy[at % copy.length] = value;
    return copy;
  });

const startup = fc.oneof(
  fc.constantFrom(
    startupMessage('postgres'),
    startupMessage('nobody'),
    startupMessage(''),
    startupMessage('postgres', { database: 'nowhere' }),
    startupMessage('postgres', { replication: 'true' }),
    startupMessage('postgres', { replication: 'database' }),
    startupMessage('postgres', { options: "-c work_mem=nothing --x -c'" }),
    startupMessage('postgres', { '_pq_.unknown': '1', client_encoding: 'KLINGON' }),
    startupMessage('x'.repeat(9000)),
    cancelRequest(0, Buffer.alloc(4)),
    cancelRequest(-1, Buffer.alloc(0)),
    cancelRequest(100_001, Buffer.alloc(256)),
  ),
  // Wishes for TLS and GSS, versions that there are not.
  fc
    .constantFrom(80_877_103, 80_877_104, 0, -1, 0x0002_0000, 0x0003_0002, 0x0003_ffff, 0x0004_0000)
    .map((code) => Buffer.concat([int(8, 4), int(code, 4)])),
  fc.tuple(wrongLength, bytes(30)).map(([length, rest]) => Buffer.concat([int(length, 4), rest])),
);

/** Before anybody is in. */
export const startupNoise = fc.oneof(
  bytes(64),
  startup,
  cut(startup),
  changed(startup),
  fc.array(startup, { minLength: 2, maxLength: 4 }).map((parts) => Buffer.concat(parts)),
  fc.constant(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')),
  // A ClientHello of TLS begins so.
  fc.constant(Buffer.from('16030100', 'hex')),
);

const name = fc.constantFrom('', 'one', 'two', 'no such one');
const sql = fc.constantFrom(
  'select 1',
  'select $1::int',
  'begin',
  'rollback',
  'select 1 / 0',
  'select repeat($$x$$, 100000)',
  'copy noise from stdin',
  'copy noise to stdout',
  'insert into noise values (1)',
  'select',
  '',
  "select '",
  'declare c cursor for select generate_series(1, 10)',
  'set client_encoding = latin1',
  'select pg_backend_pid(); select 2; fetch all c',
);
const count = fc.constantFrom(0, 1, -1, 2, 32_767, -32_768);

const message = fc.oneof(
  fc.tuple(sql).map(([text]) => protocolMessage('Q', `${text}\0`)),
  fc
    .tuple(name, sql, count)
    .map(([as, text, types]) =>
      protocolMessage('P', Buffer.concat([Buffer.from(`${as}\0${text}\0`), int(types, 2)])),
    ),
  fc
    .tuple(name, name, count, count, count, bytes(8))
    .map(([portal, of, formats, values, results, rest]) =>
      protocolMessage(
        'B',
        Buffer.concat([
          Buffer.from(`${portal}\0${of}\0`),
          int(formats, 2),
          int(values, 2),
          rest,
          int(results, 2),
        ]),
      ),
    ),
  fc
    .tuple(name, name)
    .map(([portal, of]) =>
      protocolMessage('B', Buffer.concat([Buffer.from(`${portal}\0${of}\0`), Buffer.alloc(6)])),
    ),
  fc
    .tuple(fc.constantFrom('D', 'C'), fc.constantFrom('S', 'P', 'x'), name)
    .map(([type, kind, of]) => protocolMessage(type, `${kind}${of}\0`)),
  fc
    .tuple(name, count)
    .map(([of, rows]) => protocolMessage('E', Buffer.concat([Buffer.from(`${of}\0`), int(rows, 4)]))),
  fc.constantFrom('S', 'H', 'c', 'X', 'S', 'S').map((type) => protocolMessage(type)),
  fc
    .tuple(fc.constantFrom('d', 'f', 'F', 'p', 'S', 'Q', 'B', 'P'), bytes(40))
    .map(([type, rest]) => protocolMessage(type, rest)),
  fc
    .tuple(fc.integer({ min: 0, max: 255 }), bytes(20))
    .map(([type, rest]) => protocolMessage(String.fromCharCode(type), rest)),
);

/** With a length that is not its own. */
const lying = fc.tuple(message, wrongLength).map(([whole, length]) => {
  const copy = Buffer.from(whole);
  copy.writeInt32BE(length, 1);
  return copy;
});

/** What somebody says who is in: parts that are sent one after the other. */
export const sessionNoise = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: message },
    { weight: 1, arbitrary: lying },
    { weight: 1, arbitrary: cut(message) },
    { weight: 1, arbitrary: changed(message) },
    { weight: 1, arbitrary: bytes(30) },
  ),
  { minLength: 1, maxLength: 12 },
);
