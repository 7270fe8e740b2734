/**
 * A connection of TLS that the engine's own Node computes: a TLSWrap on a stream that is nowhere connected. What is to
 * be sent and what has been decrypted are events for the guest, in the order in which they happened.
 */
import { engineBinding } from './engine-binding.ts';
import { withoutThread } from './native-answers.ts';

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

/** uv/errno.h */
const UV_EBUSY = -16;
const UV_ENOBUFS = -105;
const UV_ENOTCONN = -107;
const UV_ECANCELED = -125;

/** Bytes a connection may receive without anything coming of it: it waits for the guest, or for more of a message. */
const MOST_UNANSWERED = 1 << 20;

/** Events that the library listens to, and answers later if at all. */
const TOLD = [
  'onhandshakestart',
  'onhandshakedone',
  'onclienthello',
  'oncertcb',
  'onnewsession',
  'onkeylog',
  'onocspresponse',
  'onerror',
] as const;

/**
 * - `data` bytes, `readError` number of libuv: has been decrypted
 * - `output` bytes: is to be sent, then `written` is to be called
 * - `finish`: the sending side is to be shut down, then `shutDown` is to be called
 * - `written` and `shutDown`, status: what the guest asked for is done
 * - `servername` text: the client has named it
 * - `told` name, values: calls of the library's listeners
 */
export type TlsEvent = readonly [name: string, ...values: unknown[]];

/** What connections need of the world around. */
export interface TlsHost {
  /** Calls a listener of the connection that is being called; it answers with a number, bytes, or nothing. */
  askTls(name: string, ...values: readonly (string | number | null | Uint8Array)[]): unknown;
  /** There are events without a call; the guest is not running. */
  tellTls(number: number): void;
  /** Node's own loop is to have a turn. */
  requestHostTurn(): void;
}

export interface TlsContext {
  readonly native: object;
  /** While the connection uses it. */
  readonly hold: Disposable;
}

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
  /** Of the network, once it has failed. */
  #status = 0;
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

  /** Whether bytes it was given are not sent yet. */
  get isWriting(): boolean {
    return this.#isWriting;
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
    this.#unanswered += bytes.length;
    if (this.#unanswered > MOST_UNANSWERED) {
      this.#tell('readError', UV_ENOBUFS);
      return;
    }
    this.#run(this.#stream, 'readBuffer', [bytes]);
  }

  /** The peer sends no more. */
  receiveEnd(): void {
    this.#run(this.#stream, 'emitEOF', []);
  }

  /** Begins to encrypt; `written` follows. A number of libuv. */
  write(bytes: Uint8Array): number {
    if (this.#status !== 0) return this.#status;
    // TLSWrap ends the process if it is given a second write.
    if (this.#isWriting) return UV_EBUSY;
    const request = new WriteWrap();
    request['oncomplete'] = (status: number, _: unknown, error: unknown) => {
      this.#isWriting = false;
      this.#tell('written', status, typeof error === 'string' ? withoutThread(error) : undefined);
    };
    this.#isWriting = true;
    const result = this.call('writeBuffer', [request, bytes]) as number;
    if (result !== 0) this.#isWriting = false;
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
    if (this.#shutdown !== undefined) return UV_ENOTCONN;
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

  useContext(context: TlsContext): void {
    this.#holds.push(context.hold);
    this.call('setKeyCert', [context.native]);
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
      this.#run(this.#stream, 'finishWrite', [request, UV_ECANCELED]);
    this.shutDown(UV_ECANCELED);
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
    this.#unanswered = 0;
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
      else this.#tell('data', new Uint8Array(buffer, streamBaseState[kArrayBufferOffset], length));
    };
    for (const name of TOLD) {
      native[name] = (...values: unknown[]) => {
        if (name === 'onhandshakestart') this.isEstablished = false;
        if (name === 'onhandshakedone') this.isEstablished = true;
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

/** Where one of the offered protocols begins, each of which has its length before it (RFC 7301, section 3.1). */
const protocolAt = (offered: Uint8Array, offset: unknown): number | undefined => {
  for (let at = 0; at < offered.length; at += 1 + offered[at]!) {
    if (at === offset && at + 1 + offered[at]! <= offered.length) return at;
  }
  return undefined;
};

/** The answer of the guest: the length of the identity in two bytes, the identity, the key. */
const clientKey = (answer: Uint8Array): { identity: string; psk: Uint8Array } | undefined => {
  if (answer.length < 2) return undefined;
  const end = 2 + answer[0]! * 256 + answer[1]!;
  return { identity: Buffer.from(answer.subarray(2, end)).toString(), psk: answer.subarray(end) };
};
