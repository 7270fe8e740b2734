/**
 * The engine's half of `internalBinding('tls_wrap')`: connections by number, and what may be asked of them. Node's
 * TLSWrap ends the process, or worse, where it is asked something at the wrong time, so that this is checked as well.
 */
import type { HostFunction } from './bridge.ts';
import { keepNative } from './crypto-functions.ts';
import { answer } from './native-answers.ts';
import { NativeMemoryError } from './native-objects.ts';
import type { NativeObjects } from './native-objects.ts';
import { Signature } from './signature.ts';
import { TlsConnection } from './tls-connection.ts';
import type { TlsContext, TlsHost } from './tls-events.ts';
import { taking } from './taking.ts';
import type { Crossing } from './values.ts';

const CONNECTION = 'TLSWrap';
/** Bytes of a connection: OpenSSL's state of it, its buffers while a record is on its way, the peer's certificates. */
const SIZE = 49_152;
/** RFC 7301, section 3.1: the list has its length in two bytes. */
const MOST_PROTOCOLS = 65_535;

type Connection = TlsConnection;
type Given = readonly unknown[];

interface Method {
  readonly signature: Signature;
  /** Whether the connection is as far as that. */
  readonly isPossible?: ((connection: Connection) => boolean) | undefined;
  readonly run: (connection: Connection, name: string, given: Given) => unknown;
}

const forward: Method['run'] = (connection, name, given) => connection.call(name, given);

const showGreeting: Method['run'] = (connection, name) => {
  connection.showsGreeting = connection.isServer;
  return connection.call(name, []);
};

const method = (text: string, isPossible?: Method['isPossible'], run: Method['run'] = forward): Method => ({
  signature: new Signature(text),
  isPossible,
  run,
});

const isEstablished = ({ isEstablished: is }: Connection): boolean => is;
const isNewClient = ({ isServer, isStarted }: Connection): boolean => !isServer && !isStarted;
const isServer = ({ isServer: is }: Connection): boolean => is;

/** Its issuers one after the other; whether the last has issued itself. Node links them, which no answer can. */
const certificateChain = (connection: Connection, name: string, given: Given): unknown => {
  const chain: object[] = [];
  let next = connection.call(name, given) as { issuerCertificate?: object } | undefined;
  for (;;) {
    if (next === undefined || next === null) return [false, ...chain];
    const { issuerCertificate, ...certificate } = next;
    chain.push(certificate);
    if (issuerCertificate === next) return [true, ...chain];
    next = issuerCertificate as typeof next;
  }
};

/** Texts that are not empty, each with its length in a byte before it. */
const isProtocolList = (bytes: Uint8Array): boolean => {
  let at = 0;
  while (at < bytes.length && bytes[at] !== 0) at += 1 + bytes[at]!;
  return at === bytes.length && at <= MOST_PROTOCOLS;
};

const GETTERS =
  'getServername getALPNNegotiatedProtocol getCertificate getX509Certificate getCipher getFinished ' +
  ' getPeerFinished getPeerX509Certificate hasPeerCertificate getProtocol getSession ' +
  'getSharedSigalgs getTLSTicket isSessionReused';

/** What the guest may ask while OpenSSL asks it something. */
const ALWAYS: ReadonlySet<string> = new Set([...GETTERS.split(' '), 'setKeyCert']);

export const METHODS: Readonly<Record<string, Method>> = {
  ...Object.fromEntries(GETTERS.split(' ').map((name) => [name, method('')])),
  getPeerCertificate: method('boolean?', undefined, certificateChain),
  getEphemeralKeyInfo: method('', undefined, (connection, name) =>
    connection.isEstablished ? connection.call(name, []) : {},
  ),
  verifyError: method('', isEstablished),
  exportKeyingMaterial: method('size text bytes?', isEstablished),
  renegotiate: method('', isEstablished),
  setMaxSendFragment: method('int'),
  setVerifyMode: method('boolean boolean'),
  setServername: method('text', isNewClient),
  setSession: method('bytes'),
  loadSession: method('bytes'),
  setOCSPResponse: method('bytes', undefined, (connection, name, [bytes]) =>
    connection.call(name, [Buffer.from(bytes as Uint8Array)]),
  ),
  setALPNProtocols: method('bytes', undefined, (connection, name, [bytes]) => {
    const protocols = Buffer.from(bytes as Uint8Array);
    if (!isProtocolList(protocols)) throw new TypeError('Protocols are not as ALPN has them');
    return connection.call(name, [protocols]);
  }),
  requestOCSP: method(''),
  start: method('', isNewClient, (connection, name) => {
    connection.isStarted = true;
    return connection.call(name, []);
  }),
  enableSessionCallbacks: method('', undefined, showGreeting),
  enableKeylogCallback: method(''),
  enableCertCb: method('', undefined, showGreeting),
  enableALPNCb: method('', isServer),
  enablePskCallback: method(''),
  setPskIdentityHint: method('text'),
  clientHelloDone: method(''),
  newSessionDone: method(''),
  writesIssuedByPrevListenerDone: method(''),
  receive: method('bytes', undefined, (connection, _, [bytes]) =>
    connection.receive(Buffer.from(bytes as Uint8Array)),
  ),
  receiveEnd: method('', undefined, (connection) => connection.receiveEnd()),
  written: method('int', undefined, (connection, _, [status]) => connection.written(status as number)),
  shutdown: method('', undefined, (connection) => connection.shutdown()),
  shutDown: method('int', undefined, (connection, _, [status]) => connection.shutDown(status as number)),
  /** Gives events that came without a call. */
  takeEvents: method('', undefined, () => undefined),
  destroySSL: method('', undefined, (connection) => connection.destroy()),
};

const notPossible = (name: string): Error =>
  Object.assign(new Error(`${name} is not possible in this state of the TLS connection`), {
    code: 'ERR_TLS_INVALID_STATE',
  });

/** Calls of the guest on its connections. */
class TlsCalls {
  readonly #objects: NativeObjects;
  readonly #host: TlsHost;

  constructor(objects: NativeObjects, host: TlsHost) {
    this.#objects = objects;
    this.#host = host;
  }

  open(context: Crossing, isServerSide: boolean, waits: boolean): number {
    this.#objects.reserve(SIZE);
    const connection = new TlsConnection(this.#context(context), isServerSide, waits, this.#host);
    connection.number = this.#objects.add(CONNECTION, connection, SIZE);
    return connection.number;
  }

  /** What the method returned, then events. */
  call(number: Crossing, name: string, values: readonly Crossing[]): unknown {
    const connection = this.#objects.find(number, CONNECTION) as Connection | undefined;
    if (connection === undefined || connection.isDestroyed) throw notPossible(name);
    if (connection.isBusy && !ALWAYS.has(name)) throw notPossible(name);
    const [given] = values;
    // Twice: as it is, and encrypted or decrypted.
    this.#count(connection, given instanceof Uint8Array ? 2 * given.length : 0);
    const result = this.#run(connection, name, values);
    if (connection.isBusy) return [result];
    this.#count(connection, 0);
    return [result, ...connection.takeEvents()];
  }

  /** What waits in the connection is the engine's memory. */
  #count(connection: Connection, more: number): void {
    if (connection.isDestroyed) return;
    const isSmall = this.#objects.resize(connection.number, SIZE + connection.heldBytes + more);
    if (!isSmall && more > 0) throw new NativeMemoryError();
  }

  #run(connection: Connection, name: string, values: readonly Crossing[]): unknown {
    switch (name) {
      case 'write':
        return this.#write(connection, values[0]);
      case 'certCbDone':
        if (!connection.isCertificateAwaited) throw notPossible(name);
        return connection.chooseCertificate(
          typeof values[0] === 'number' ? this.#context(values[0]) : undefined,
          values[0] === false,
        );
      case 'setKeyCert':
        return connection.useContext(this.#context(values[0]));
      default: {
        const found = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
        const given = found?.signature.convert(values, this.#objects);
        if (found === undefined || given === undefined) {
          throw new TypeError(`Arguments of TLS's ${name} are not acceptable`);
        }
        if (found.isPossible?.(connection) === false) throw notPossible(name);
        return found.run(connection, name, given);
      }
    }
  }

  #write(connection: Connection, bytes: Crossing): number {
    if (!(bytes instanceof Uint8Array)) throw new TypeError("Arguments of TLS's write are not acceptable");
    return connection.write(Buffer.from(bytes));
  }

  #context(number: Crossing): TlsContext {
    const native = this.#objects.find(number, 'SecureContext');
    if (native === undefined) throw new TypeError('Illegal invocation');
    return { native, hold: this.#objects.retain(number as number) };
  }
}

export const tlsFunctions = (
  objects: NativeObjects,
  host: TlsHost,
): Readonly<Record<string, HostFunction>> => {
  const calls = new TlsCalls(objects, host);
  const keep = keepNative(objects);
  return {
    tlsOpen: taking(
      ['number', 'boolean', 'boolean'],
      (context: number, isServerSide: boolean, waits: boolean) =>
        answer(() => calls.open(context, isServerSide, waits)),
    ),
    tlsCall: (number: Crossing, name: string, ...values: Crossing[]) =>
      answer(() => calls.call(number, name, values), keep),
  };
};
