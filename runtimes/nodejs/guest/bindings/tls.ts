/**
 * `internalBinding('tls_wrap')`: TLS above another handle (crypto_tls.cc). OpenSSL is the engine's; what is to be sent
 * goes out, and what comes in is read, by the handle below.
 */
import { ERRNO } from '../errno.ts';
import type { Binding } from '../binding-shape.ts';
import { symbols } from '../constants.ts';
import { host } from '../host.ts';
import type { StreamConsumer } from '../http-parser-host.ts';
import { NativeObject, crossing, valueOf } from '../native-answers.ts';
import { bytesOf, encode, newBuffer } from './buffer.ts';
import { SecureContext } from './crypto-contexts.ts';
import { ShutdownWrap, Stream } from './streams.ts';
import { defer } from './timers.ts';

const OWNER = symbols['owner_symbol']!;
const ON_PSK_EXCHANGE = symbols['onpskexchange']!;

/** As engine/tls-events.ts has them. */
type Event = readonly [name: string, ...values: never[]];
type Certificate = Record<string, unknown>;

/** By the engine's numbers. */
const connections = new Map<number, TLSWrap>();
/** Whose calls the engine is working on; the last is that which asks. */
const working: TLSWrap[] = [];

class TLSWrap extends Stream implements StreamConsumer {
  readonly #native = new NativeObject();
  #below: Stream | undefined;
  #events: Event[] = [];
  #isTelling = false;
  #hasEnded = false;
  #isEstablished = false;
  /** Session and ticket that a listener is being told of. */
  #told: readonly [session: unknown, ticket: unknown] | undefined;

  constructor(below: Stream, context: SecureContext, isServer: boolean, waits: boolean) {
    super('TLSWRAP');
    this.#native.obtain(() => valueOf(host.tlsOpen(context.number, isServer, waits)) as number);
    connections.set(this.#native.number, this);
    this.#below = below;
    below.consumedBy(this);
  }

  get #isDestroyed(): boolean {
    return this.#below === undefined;
  }

  /** Calls a method of the engine's, and tells what has come of it. */
  ask(name: string, ...values: readonly unknown[]): unknown {
    if (this.#isDestroyed) return undefined;
    working.push(this);
    let answer: unknown[];
    try {
      answer = valueOf(host.tlsCall(this.#native.number, name, ...values.map(crossing))) as unknown[];
    } finally {
      working.pop();
    }
    this.#events.push(...(answer.slice(1) as unknown as Event[]));
    this.#tellAll();
    return answer[0];
  }

  #tellAll(): void {
    // What listeners cause is told after what has happened before.
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
        this.#tell(...event);
      }
    } finally {
      this.#isTelling = false;
      // One has thrown, which is no reason not to tell the others.
      if (this.#events.length > 0) defer(() => this.#tellAll());
    }
  }

  #tell(name: string, ...values: never[]): void {
    const [first, second] = values as unknown as [never, never];
    switch (name) {
      case 'output':
        return this.#sendOutput(first);
      case 'finish':
        return this.#finish();
      case 'written':
        // The library does not expect it before the write has returned.
        return defer(() => this.onWritten(first, second));
      case 'shutDown':
        return this.onShutdown(first);
      case 'data':
        return this.#isDestroyed ? undefined : this.onData(first);
      case 'readError':
        if (first === ERRNO.EOF) this.#hasEnded = true;
        return this.#isDestroyed ? undefined : this.onReadError(first);
      case 'servername': {
        const owner = (this[OWNER] ?? this) as { servername: unknown };
        owner.servername = first;
        return;
      }
      default:
        return this.#tellListener(values[0] as unknown as string, values.slice(1));
    }
  }

  #tellListener(name: string, values: readonly unknown[]): void {
    const listener = this[name];
    if (this.#isDestroyed || typeof listener !== 'function') return;
    if (name === 'onhandshakedone') this.#isEstablished = true;
    if (name !== 'onnewsession') return void this.makeCallback(listener as never, ...values);
    const [id, session, ticket] = values;
    // There may be newer ones already.
    this.#told = [session, ticket];
    this.makeCallback(listener as never, id, session);
    this.#told = undefined;
  }

  getSession(): unknown {
    return this.#told === undefined ? this.ask('getSession') : this.#told[0];
  }

  getTLSTicket(): unknown {
    return this.#told === undefined ? this.ask('getTLSTicket') : this.#told[1];
  }

  /** What OpenSSL has decrypted goes to the app, paused or not. */
  protected override mayDeliver(): boolean {
    return !this.#isDestroyed;
  }

  /** It looks itself whether it is one. */
  loadSession(session: unknown): void {
    if (ArrayBuffer.isView(session)) this.ask('loadSession', session);
  }

  /** The answer of a listener of the library, as the engine takes it. */
  answer(name: string, values: readonly unknown[]): unknown {
    const listener = this[name === 'onpskexchange' ? ON_PSK_EXCHANGE : name];
    if (typeof listener !== 'function') return undefined;
    const given = values.map((value) => (value instanceof Uint8Array ? newBuffer(value.slice()) : value));
    const said = this.makeCallback(listener as never, ...given);
    if (typeof said !== 'object' || said === null) return typeof said === 'number' ? said : undefined;
    if (ArrayBuffer.isView(said)) return bytesOf(said);
    const { identity, psk } = said as { identity: string; psk: ArrayBufferView };
    const [name8, key] = [encode(identity, 'utf8'), bytesOf(psk)];
    return Uint8Array.of(name8.length >> 8, name8.length & 0xff, ...name8, ...key);
  }

  // What the handle below tells.

  parserId(): number {
    return 0;
  }

  onStreamRead(bytes: unknown): void {
    this.ask('receive', bytes);
  }

  onStreamError(status: number): boolean {
    if (this.#isDestroyed) return false;
    if (status === ERRNO.EOF) this.ask('receiveEnd');
    else this.onReadError(status);
    return true;
  }

  #sendOutput(bytes: Uint8Array): void {
    const below = this.#below;
    if (below === undefined) return;
    const result = below.writeBuffer(null, newBuffer(bytes));
    // What was encrypted meanwhile goes out at once as well: the connection may be closed before the next turn. While
    // there is none yet, an end has to wait for it, which it does as long as something is being sent.
    if (typeof result === 'number') {
      if (this.#isEstablished) this.ask('written', result);
      else defer(() => this.ask('written', result));
    } else result['oncomplete'] = (status: number) => this.ask('written', status);
  }

  #finish(): void {
    const request = new ShutdownWrap();
    const done = (status: number): void => {
      if (this.#isDestroyed) this.onShutdown(status);
      else this.ask('shutDown', status);
    };
    request['oncomplete'] = done;
    const result = this.#below?.shutdown(request) ?? 0;
    if (result < 0) defer(() => done(result));
  }

  // What streams do.

  protected override startReading(isOn: boolean): number {
    if (this.#below === undefined || (isOn && this.#hasEnded)) return 0;
    return isOn ? this.#below.readStart() : this.#below.readStop();
  }

  override consumedBy(consumer: StreamConsumer | null): void {
    this.consumer = consumer;
  }

  protected override send(bytes: Uint8Array): number {
    if (this.#isDestroyed) return ERRNO.EPROTO;
    const result = this.ask('write', bytes) as number;
    return result < 0 ? result : bytes.length * 2 + 1;
  }

  protected override sendText(text: string): number {
    return this.send(encode(text, 'utf8'));
  }

  protected override sendLatin1(text: string): number {
    return this.send(encode(text, 'latin1'));
  }

  /** It is shut down when the handle below is. */
  protected override end(): number {
    const result = this.ask('shutdown') as number | undefined;
    return result === undefined ? ERRNO.EPROTO : result === 0 ? 1 : result;
  }

  // What sockets of TLS do.

  receive(bytes: Uint8Array): void {
    this.ask('receive', bytes);
  }

  certCbDone(): void {
    const context = this['sni_context'];
    if (context instanceof SecureContext) this.ask('certCbDone', context);
    else this.ask('certCbDone', typeof context === 'object' && context !== null ? false : undefined);
  }

  getPeerCertificate(isDetailed: unknown): unknown {
    const chain = this.ask('getPeerCertificate', isDetailed === true) as
      | [boolean, ...Certificate[]]
      | undefined;
    if (chain === undefined) return undefined;
    const [isClosed, ...certificates] = chain;
    for (const [index, certificate] of certificates.entries()) {
      const issuer = certificates[index + 1] ?? (isClosed ? certificate : undefined);
      if (issuer !== undefined) certificate['issuerCertificate'] = issuer;
    }
    return certificates[0];
  }

  /** It would write to the engine's own error stream. */
  enableTrace(): void {}

  destroySSL(): void {
    if (this.#isDestroyed) return;
    this.ask('destroySSL');
    this.#below!.consumedBy(null);
    this.#below = undefined;
    connections.delete(this.#native.number);
    this.#native.free();
  }
}

const METHODS =
  'clientHelloDone enableALPNCb enableCertCb enableKeylogCallback enablePskCallback enableSessionCallbacks ' +
  'exportKeyingMaterial getALPNNegotiatedProtocol getCertificate getCipher getEphemeralKeyInfo getFinished ' +
  'getPeerFinished getPeerX509Certificate getProtocol getServername getSharedSigalgs ' +
  'getX509Certificate hasPeerCertificate isSessionReused newSessionDone renegotiate requestOCSP ' +
  'setALPNProtocols setKeyCert setMaxSendFragment setOCSPResponse setPskIdentityHint setServername setSession ' +
  'setVerifyMode start verifyError writesIssuedByPrevListenerDone';

for (const name of METHODS.split(' ')) {
  const forward = {
    [name](this: TLSWrap, ...values: unknown[]): unknown {
      return this.ask(name, ...values);
    },
  }[name]!;
  Object.defineProperty(TLSWrap.prototype, name, { value: forward, writable: true, configurable: true });
}

/** Something has happened to a connection that nobody has called. */
export const onTlsEvents = (number: number): void => void connections.get(number)?.ask('takeEvents');

/** OpenSSL asks for something, and cannot wait. */
export const askTls = (name: string, ...values: unknown[]): unknown => working.at(-1)?.answer(name, values);

export const createTls = (): Binding => ({
  TLSWrap,
  wrap: (below: Stream, context: SecureContext, isServer: boolean, waits: boolean) =>
    new TLSWrap(below, context, isServer, waits),
  HAVE_SSL_TRACE: 0,
});
