/**
 * Pairs of connections that talk TLS with each other, and between the right calls any others with any arguments:
 * whatever comes, the engine must go on. Arguments: seed, number of calls, directory with certificates.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { CLASSES } from '../../../../runtimes/nodejs/engine/crypto-signatures.ts';
import { nativeFunctions } from '../../../../runtimes/nodejs/engine/native-functions.ts';
import { METHODS } from '../../../../runtimes/nodejs/engine/tls-functions.ts';
import type { Crossing } from '../../../../runtimes/nodejs/engine/values.ts';

type Call = (...values: Crossing[]) => Crossing;
type List = readonly Crossing[];

const [seed, count] = process.argv.slice(2, 4).map(Number) as [number, number];
const directory = process.argv[4]!;

/** Lehmer's generator: a run can be had again. */
let state = seed + 1;
const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;

const key = Buffer.from('0123456789abcdef');
/** What listeners in the guest answer. */
const answers = (): unknown =>
  pick<unknown>([
    undefined,
    0,
    3,
    9,
    -1,
    1e9,
    2 ** 31,
    'text',
    key,
    Buffer.concat([Buffer.of(0, 2), Buffer.from('me'), key]),
    Buffer.of(255),
    Buffer.alloc(5000, 1),
  ]);
const functions = nativeFunctions({
  hold: () => ({ [Symbol.dispose]: () => undefined }),
  done: () => undefined,
  requestHostTurn: () => undefined,
  tellTls: (number) => {
    const connection = connections.find((each) => each.number === number);
    if (connection !== undefined) call(connection, 'takeEvents');
  },
  askTls: () => {
    // The guest may call back while OpenSSL waits for its answer.
    if (random() < 0.3) anyCall(pick(connections));
    if (random() < 0.02) throw new Error('the guest is out of its memory');
    return answers();
  },
}) as unknown as Record<string, Call>;

const listed = (answer: Crossing): List =>
  Array.isArray(answer) && answer[0] === 'list' ? (answer as List).slice(1) : [];

const context = (): number => {
  const number = listed(
    functions['cryptoMake']!('SecureContext', undefined, pick([769, 771, 771, 772]), 772),
  )[0] as number;
  const call = (name: string, ...values: Crossing[]): void =>
    void functions['cryptoMethod']!(number, name, ...values);
  call('addCACert', readFileSync(join(directory, 'ca.pem')));
  call('setCert', readFileSync(join(directory, 'server.pem'), 'utf8'));
  call('setKey', readFileSync(join(directory, 'server.key')), undefined);
  if (random() < 0.3) call('setCiphers', 'PSK+HIGH:HIGH');
  if (random() < 0.3) call('setMaxProto', pick([770, 771]));
  if (random() < 0.2) call('setTicketKeys', Buffer.alloc(pick([47, 48]), 1));
  return number;
};

interface Connection {
  readonly number: number;
  peer: Connection | undefined;
  isSending: boolean;
  readonly received: string[];
}
const connections: Connection[] = [];
const contexts: number[] = [];
const seen: Record<string, number> = {};
let exchanged = 0;

/** Does what events ask for, mostly. */
const call = (connection: Connection, name: string, ...values: Crossing[]): void => {
  const [, ...events] = listed(functions['tlsCall']!(connection.number, name, ...values));
  for (const event of events) {
    const [what, first, second] = listed(event);
    const label = what === 'told' ? String(first) : String(what);
    seen[label] = (seen[label] ?? 0) + 1;
    if (random() < 0.02) continue;
    if (what === 'output') {
      if (connection.peer !== undefined) call(connection.peer, 'receive', first);
      call(connection, 'written', random() < 0.98 ? 0 : -32);
    } else if (what === 'finish') {
      if (connection.peer !== undefined) call(connection.peer, 'receiveEnd');
      call(connection, 'shutDown', 0);
    } else if (what === 'data') exchanged += (first as Uint8Array).length;
    else if (first === 'oncertcb')
      call(connection, 'certCbDone', pick<Crossing>([undefined, false, pick(contexts)]));
    else if (first === 'onclienthello') call(connection, 'clientHelloDone');
    else if (first === 'onnewsession') call(connection, 'newSessionDone', second);
  }
};

const SPECIAL = [
  'write',
  'certCbDone',
  'setKeyCert',
  'constructor',
  '__proto__',
  'onread',
  'readStart',
  'nothing',
];
const NAMES = [...Object.keys(METHODS), ...SPECIAL];
const anything = (): Crossing =>
  pick<() => Crossing>([
    () => undefined,
    () => null,
    () => random() < 0.5,
    () => pick([0, 1, -1, 0.5, 16, 512, 2 ** 31, 2 ** 32]),
    () => pick(contexts),
    () => pick(connections).number,
    () => pick(['', 'text', 'localhost', '\0', 'x'.repeat(300)]),
    () => Buffer.alloc(pick([0, 1, 16, 1000, 100_000]), pick([0, 1, 22, 23])),
    () => Buffer.from('\u0002h2\u0008http/1.1'),
  ])();
const anyCall = (connection: Connection): void => {
  const name = pick(NAMES);
  // A connection that is gone is of no more interest.
  if (/^destroySSL|^receiveEnd|^shut/.test(name) && random() < 0.9) return;
  call(connection, name, ...Array.from({ length: Math.floor(random() * 4) }, anything));
};

const settings = Object.entries(CLASSES['SecureContext']!.methods);
const material = ['ca.pem', 'server.pem', 'server.key', 'client.pem', 'client.key', 'ca.key'].map((name) =>
  readFileSync(join(directory, name), 'utf8'),
);
/** Changes a context, which connections may use, at any time. */
const anySetting = (): void => {
  const [name, signatures] = pick(settings);
  const values = pick(signatures)
    .split(' ')
    .filter((word) => word !== '')
    .map((word): Crossing => {
      if (word.startsWith('data') || word === 'bytes')
        return pick([...material, Buffer.from(pick(material)), '']);
      if (word === 'bytes48') return Buffer.alloc(48, 2);
      if (word.startsWith('boolean')) return pick<Crossing>([true, false, material[0]]);
      if (word === 'text')
        return pick(['ALL', 'HIGH:@SECLEVEL=0', 'TLS_AES_128_GCM_SHA256', 'P-256', 'auto', 'x', '']);
      if (word.startsWith('text')) return pick<Crossing>([undefined, 'x']);
      return pick([0, 1, 2, 769, 770, 771, 772, 0x101, 0x302_01, 2 ** 25, 2 ** 31, -1]);
    });
  functions['cryptoMethod']!(pick(contexts), name, ...values);
};

const open = (): void => {
  contexts.push(context());
  const [server, client] = [true, false].map((isServer): Connection => ({
    number: functions['tlsOpen']!(pick(contexts), isServer, random() < 0.05) as number,
    peer: undefined,
    isSending: false,
    received: [],
  })) as [Connection, Connection];
  if (random() < 0.95) [server.peer, client.peer] = [client, server];
  connections.push(server, client);
  if (random() < 0.7) call(client, 'setServername', 'localhost');
  for (const each of [server, client]) {
    call(each, 'setVerifyMode', random() < 0.5, random() < 0.5);
    for (const name of [
      'enableSessionCallbacks',
      'enableCertCb',
      'enablePskCallback',
      'enableALPNCb',
      'requestOCSP',
    ])
      if (random() < 0.3) call(each, name);
    if (random() < 0.5) call(each, 'setALPNProtocols', Buffer.from('\u0002h2\u0008http/1.1'));
    if (random() < 0.2) anyCall(each);
  }
  call(client, 'start');
  while (connections.length > 40) functions['freeNative']!(connections.shift()!.number);
  while (contexts.length > 10) functions['freeNative']!(contexts.shift()!);
};

for (let index = 0; index < count; index += 1) {
  if (random() < 0.1) await setImmediate();
  if (index % 10 === 0) open();
  const connection = pick(connections);
  if (random() < 0.5) call(connection, 'write', Buffer.alloc(pick([0, 1, 100, 20_000, 300_000]), 65));
  else anyCall(connection);
  if (random() < 0.1) anySetting();
}
process.stdout.write(JSON.stringify({ exchanged, seen }));
