/**
 * A connection of TLS that the engine's own Node computes: a TLSWrap on a stream that is nowhere connected. What is to
 * be sent and what has been decrypted are events for the guest, in the order in which they happened.
 */
import { ERRNO } from '../guest/errno.ts';
import { engineBinding } from './engine-binding.ts';
import { withoutThread } from './native-answers.ts';
import { TOLD, clientKey, protocolAt } from './tls-events.ts';
import type { TlsContext, TlsEvent, TlsHost } from './tls-events.ts';

type Native = (...values: unknown[]) => unknown;
type NativeObject = Record<PropertyKey, unknown>;
type NativeConstructor = new () => NativeObject;

const { wrap } = engineBinding('tls_wrap') as {
  readonly wrap: (stream: object, context: object, isServer: boolean, waits: boolean) => NativeObject;
};
const { JSStream } = engineBinding('js_stream') as { JSStream: NativeConstructor };
const { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kArrayBufferOffset } = engineBinding(
  'stream_wrap',
) as {
  WriteWrap: NativeConstructor;
  ShutdownWrap: NativeConstructor;
  streamBaseState: Int32Array;
  kReadBytesOrError: number;
  kArrayBufferOffset: number;
};
const { onpskexchange: ON_PSK_EXCHANGE } = engineBinding('symbols') as { onpskexchange: symbol };

/** Bytes that OpenSSL is given at a time: some records, so that something comes of them (RFC 8446, section 5.1). */
const PIECE = 65_536;

/** Bytes a connection may receive without anything coming of it: it waits for the guest, or for more of a message. */
const MOST_UNANSWERED = 1 << 20;

export class TlsConnection {
  readonly isServer: boolean;
  readonly #wrap: NativeObject;
  readonly #stream = new JSStream();
  readonly #host: TlsHost;
  readonly #holds: Disposable[] = [];
  #events: TlsEvent[] = [];
  readonly #outputs: object[] = [];
  #shutdown: object | undefined;
  #isShutDown = false;
  #isWriting = false;
  /** Bytes of the write that is under way. */
  #writing = 0;
  /** Of the network, once it has failed. */
  #status = 0;
  /** Bytes received since the last that were decrypted. */
  #unanswered = 0;
  /** How many calls of the native objects are under way. */
  #depth = 0;
  #isToBeDestroyed = false;
  #isTelling = false;
  /** What a listener has thrown, which is not to go through OpenSSL. */
  #trouble: { readonly error: unknown } | undefined;

  /** By which the guest knows it. */
  number = 0;
  isStarted = false;
  /** No handshake is under way or has failed: there is a session. */
  isEstablished = false;
  /** Its client's greeting is shown to the library, which Node does by its own loop. */
  showsGreeting = false;
  isCertificateAwaited = false;
  isDestroyed = false;

  /** @param waits - whether something else is still to be sent before */
  constructor(context: TlsContext, isServer: boolean, waits: boolean, host: TlsHost) {
    this.isServer = isServer;
    this.#host = host;
    this.#holds.push(context.hold);
    this.#prepareStream();
    this.#wrap = wrap(this.#stream, context.native, isServer, waits);
    this.#listen();
  }

  /** Inside of a question to the guest: OpenSSL is in the midst of its work. */
  get isBusy(): boolean {
    return this.#depth > 0;
  }

  /** Bytes that wait in it: to be decrypted, to be encrypted, to be sent. */
  get heldBytes(): number {
    return this.#unanswered + this.#writing + (this.#wrap['writeQueueSize'] as number);
  }

  /** What has happened since the last time. */
  takeEvents(): readonly TlsEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Calls a method of the TLSWrap, whose arguments have been checked. */
  call(name: string, values: readonly unknown[]): unknown {
    return this.#run(this.#wrap, name, values);
  }

  /** Bytes from the network; ours from now on. */
  receive(bytes: Uint8Array): void {
    // A stream of JavaScript may give as much as it likes, most of which is answered at once.
    for (let at = 0; at < bytes.length && !this.isDestroyed; at += PIECE) {
      if (this.#unanswered > MOST_UNANSWERED) return;
      const piece = bytes.subarray(at, at + PIECE);
      this.#unanswered += piece.length;
      if (this.#unanswered > MOST_UNANSWERED) this.#events.push(['readError', ERRNO.ENOBUFS]);
      else this.#run(this.#stream, 'readBuffer', [piece]);
    }
  }

  /** The peer sends no more. */
  receiveEnd(): void {
    this.#run(this.#stream, 'emitEOF', []);
  }

  /** Begins to encrypt; `written` follows. A number of libuv. */
  write(bytes: Uint8Array): number {
    if (this.#status !== 0) return this.#status;
    // TLSWrap ends the process if it is given a second write.
    if (this.#isWriting) return ERRNO.EBUSY;
    const request = new WriteWrap();
    request['oncomplete'] = (status: number, _: unknown, error: unknown) => {
      this.#isWriting = false;
      this.#writing = 0;
      this.#tell('written', status, typeof error === 'string' ? withoutThread(error) : undefined);
    };
    this.#isWriting = true;
    this.#writing = bytes.length;
    const result = this.call('writeBuffer', [request, bytes]) as number;
    if (result === 0) return 0;
    this.#isWriting = false;
    this.#writing = 0;
    return result;
  }

  /** The first `output` that was not yet reported has been sent, or has failed. */
  written(status: number): void {
    const request = this.#outputs.shift();
    if (request === undefined) return;
    if (status !== 0) this.#status = status;
    this.#run(this.#stream, 'finishWrite', [request, status]);
  }

  /** A number of libuv; `finish` follows, and `shutDown` once that is done. */
  shutdown(): number {
    if (this.#shutdown !== undefined) return ERRNO.ENOTCONN;
    const request = new ShutdownWrap();
    request['oncomplete'] = (status: number) => this.#tell('shutDown', status);
    this.#shutdown = request;
    return this.call('shutdown', [request]) as number;
  }

  shutDown(status: number): void {
    const request = this.#shutdown;
    if (request === undefined || this.#isShutDown) return;
    this.#isShutDown = true;
    this.#run(this.#stream, 'finishShutdown', [request, status]);
  }

  /** The certificate may be chosen now. */
  chooseCertificate(context: TlsContext | undefined, isWrong: boolean): void {
    this.isCertificateAwaited = false;
    if (context !== undefined) {
      this.#holds.push(context.hold);
      this.#wrap['sni_context'] = context.native;
    } else if (isWrong) this.#wrap['sni_context'] = {};
    this.call('certCbDone', []);
  }

  /** OpenSSL takes what it needs of it. */
  useContext({ native, hold }: TlsContext): void {
    using _ = hold;
    this.call('setKeyCert', [native]);
  }

  /** Frees what OpenSSL has of it. */
  destroy(): void {
    if (this.isDestroyed) return;
    if (this.isBusy) {
      this.#isToBeDestroyed = true;
      return;
    }
    this.isDestroyed = true;
    this.#isToBeDestroyed = false;
    this.call('destroySSL', []);
    for (const request of this.#outputs.splice(0))
      this.#run(this.#stream, 'finishWrite', [request, ERRNO.ECANCELED]);
    this.shutDown(ERRNO.ECANCELED);
    for (const hold of this.#holds.splice(0)) hold[Symbol.dispose]();
  }

  /** What NativeObjects does with objects that are forgotten. */
  close(): void {
    this.destroy();
  }

  #run(target: NativeObject, name: string, values: readonly unknown[]): unknown {
    this.#depth += 1;
    let result: unknown;
    try {
      result = (target[name] as Native).apply(target, values as unknown[]);
    } finally {
      this.#depth -= 1;
    }
    if (this.#depth > 0) return result;
    if (this.showsGreeting && !this.isEstablished) this.#host.requestHostTurn();
    if (this.#isToBeDestroyed) this.destroy();
    const trouble = this.#trouble;
    this.#trouble = undefined;
    if (trouble !== undefined) throw trouble.error;
    return result;
  }

  #tell(name: string, ...values: unknown[]): void {
    this.#events.push([name, ...values]);
    if (this.#depth > 0 || this.#isTelling) return;
    this.#isTelling = true;
    process.nextTick(() => {
      this.#isTelling = false;
      if (!this.isDestroyed) this.#host.tellTls(this.number);
    });
  }

  #prepareStream(): void {
    Object.assign(this.#stream, {
      onread: () => undefined,
      onreadstart: () => 0,
      onreadstop: () => 0,
      isClosing: () => false,
      onwrite: (request: object, buffers: readonly Uint8Array[]) => {
        this.#outputs.push(request);
        this.#tell('output', buffers.length === 1 ? Uint8Array.from(buffers[0]!) : Buffer.concat(buffers));
        return 0;
      },
      onshutdown: () => {
        this.#tell('finish');
        return 0;
      },
    });
  }

  #listen(): void {
    const native = this.#wrap;
    native['onread'] = (buffer: ArrayBuffer | undefined) => {
      const length = streamBaseState[kReadBytesOrError]!;
      if (buffer === undefined) this.#tell('readError', length);
      else {
        this.#unanswered = 0;
        this.#tell('data', new Uint8Array(buffer, streamBaseState[kArrayBufferOffset], length));
      }
    };
    for (const name of TOLD) {
      native[name] = (...values: unknown[]) => {
        if (name === 'onhandshakestart') this.isEstablished = false;
        if (name === 'onhandshakedone') {
          this.isEstablished = true;
          this.#unanswered = 0;
        }
        if (name === 'oncertcb') this.isCertificateAwaited = true;
        // It is another one when the guest hears of this.
        if (name === 'onnewsession') values.push((native['getTLSTicket'] as Native).call(native));
        this.#tell('told', name, ...values);
      };
    }
    // The library's own name for it is looked for on the socket, and there is none here.
    Object.defineProperty(native, 'servername', {
      get: () => undefined,
      set: (name: unknown) => this.#tell('servername', name),
    });
    native['ALPNCallback'] = (offered: Uint8Array) =>
      protocolAt(offered, this.#answer('ALPNCallback', offered));
    native[ON_PSK_EXCHANGE] = (...values: (string | number | null)[]) => {
      const answer = this.#answer('onpskexchange', ...values);
      if (!(answer instanceof Uint8Array)) return undefined;
      return this.isServer ? answer : clientKey(answer);
    };
  }

  #answer(...question: Parameters<TlsHost['askTls']>): unknown {
    try {
      return this.#host.askTls(...question);
    } catch (error) {
      this.#trouble ??= { error };
      return undefined;
    }
  }
}
