/**
 * Streams of libuv: what sockets, pipes and terminals have in common (stream_base.cc). The engine reads and writes; a
 * write it could not finish at once is told when it is.
 */
import { ERRNO } from '../errno.ts';
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { host } from '../host.ts';
import type { StreamConsumer } from '../http-parser-host.ts';
import { encode } from './buffer.ts';
import { Handle, Request } from './handles.ts';
import { defer } from './timers.ts';

/** stream_base.h, StreamBaseStateFields. */
const READ_BYTES_OR_ERROR = 0;
const ARRAY_BUFFER_OFFSET = 1;
const BYTES_WRITTEN = 2;
const LAST_WRITE_WAS_ASYNC = 3;
const LAST_WRITE_ERROR = 4;

const state = shapedBinding('stream_wrap')['streamBaseState'] as Int32Array;

class WriteWrap extends Request {
  /** Set where a write ends before the library has put its callback on the request. */
  writeStatus: number | null = null;

  constructor() {
    super('WRITEWRAP');
  }
}

/** 0, an error of libuv, or what to wait for. */
export type WriteResult = number | Request;

export class ShutdownWrap extends Request {
  constructor() {
    super('SHUTDOWNWRAP');
  }
}

export type Completion = (status: number, handle: Stream, error: unknown) => void;

export class Stream extends Handle {
  readonly isStreamBase = true;
  bytesRead = 0;
  bytesWritten = 0;
  writeQueueSize = 0;
  onread: ((buffer: ArrayBuffer | undefined) => unknown) | undefined;
  /** Gets what is read instead of `onread`: the parser of HTTP. */
  protected consumer: StreamConsumer | null = null;
  #writes: { readonly request: Request; readonly size: number }[] = [];
  #shutdown: Request | undefined;
  #userBuffer: Uint8Array | undefined;
  #isReading = false;
  /** What did not fit into the app's buffer before it had enough. */
  #unread: Uint8Array | undefined;

  get fd(): number {
    return -1;
  }

  readStart(): number {
    this.#isReading = true;
    if (this.#unread === undefined) return this.startReading(true);
    // What has been read already comes first, the end of the stream not before.
    defer(() => this.#deliverUnread());
    return 0;
  }

  #deliverUnread(): void {
    const unread = this.#unread;
    if (unread === undefined || this.onread === undefined || !this.mayDeliver(this.#isReading)) return;
    this.#unread = undefined;
    this.#fill(unread, this.onread);
    if (this.#unread === undefined && this.mayDeliver(this.#isReading)) this.startReading(true);
  }

  readStop(): number {
    this.#isReading = false;
    return this.isClosed ? 0 : this.startReading(false);
  }

  /** As `host.streamRead`. */
  protected startReading(isOn: boolean): number {
    return host.streamRead(this.id, isOn);
  }

  useUserBuffer(buffer: Uint8Array): void {
    this.#userBuffer = buffer;
  }

  consumedBy(consumer: StreamConsumer | null): void {
    this.consumer = consumer;
    if (!this.isClosed) host.streamConsumer(this.id, consumer === null ? 0 : consumer.parserId());
  }

  shutdown(request: Request): number {
    const result = this.end();
    if (result === 0) {
      this.#shutdown = request;
      defer(() => this.onShutdown(0));
    }
    // 1: what was written has to go first.
    else if (result === 1) {
      this.#shutdown = request;
      return 0;
    }
    return result;
  }

  writeBuffer(request: Request | null, bytes: Uint8Array): WriteResult {
    return this.begin(request, bytes);
  }

  /** Writes bytes. Who gives no request gets one to wait for, where they are not all gone yet. */
  protected begin(request: Request | null, bytes: Uint8Array): WriteResult {
    return this.#written(request, this.send(bytes));
  }

  /** As `host.streamWrite`. */
  protected send(bytes: Uint8Array): number {
    return host.streamWrite(this.id, bytes);
  }

  protected sendText(text: string): number {
    return host.streamWriteText(this.id, text);
  }

  protected sendLatin1(text: string): number {
    return host.streamWriteLatin1(this.id, text);
  }

  /** As `host.streamShutdown`. */
  protected end(): number {
    return host.streamShutdown(this.id);
  }

  writeUtf8String(request: Request | null, text: string): WriteResult {
    return this.#written(request, this.sendText(text));
  }

  writeAsciiString(request: Request | null, text: string): WriteResult {
    return this.writeLatin1String(request, text);
  }

  writeLatin1String(request: Request | null, text: string): WriteResult {
    return this.#written(request, this.sendLatin1(text));
  }

  writeUcs2String(request: Request | null, text: string): WriteResult {
    return this.begin(request, encode(text, 'utf16le'));
  }

  /** `areBuffers`: the chunks are buffers; else each is followed by its encoding. */
  writev(request: Request | null, chunks: readonly unknown[], areBuffers: boolean): WriteResult {
    const parts: Uint8Array[] = [];
    if (areBuffers) {
      for (const chunk of chunks) parts.push(chunk as Uint8Array);
    } else {
      for (let index = 0; index < chunks.length; index += 2) {
        const chunk = chunks[index];
        parts.push(typeof chunk === 'string' ? encode(chunk, chunks[index + 1]) : (chunk as Uint8Array));
      }
    }
    return this.begin(request, joined(parts));
  }

  /** `result`: twice the bytes, and one more where they are not all gone yet; negative: an error. */
  #written(request: Request | null, result: number): WriteResult {
    const size = Math.floor(result / 2);
    const isAsync = result > 0 && result % 2 === 1;
    this.noteWrite(size, isAsync, Math.min(result, 0));
    if (result < 0) return result;
    if (!isAsync) return 0;
    const pending = request ?? new WriteWrap();
    this.#writes.push({ request: pending, size });
    this.writeQueueSize += size;
    // Who gave no request gets one to wait for.
    return request === null ? pending : 0;
  }

  /** Tells the library how a write has begun. */
  protected noteWrite(size: number, isAsync: boolean, error: number): void {
    state[LAST_WRITE_ERROR] = 0;
    state[BYTES_WRITTEN] = error === 0 ? size : 0;
    state[LAST_WRITE_WAS_ASYNC] = isAsync ? 1 : 0;
    if (error === 0) this.bytesWritten += size;
  }

  // What the engine tells.

  onData(bytes: Uint8Array): void {
    this.bytesRead += bytes.length;
    if (this.consumer !== null) return this.consumer.onStreamRead(bytes);
    const { onread } = this;
    if (onread === undefined) return;
    if (this.#userBuffer === undefined) {
      state[READ_BYTES_OR_ERROR] = bytes.length;
      state[ARRAY_BUFFER_OFFSET] = bytes.byteOffset;
      this.makeCallback(onread, bytes.buffer);
      return;
    }
    this.#fill(bytes, onread);
  }

  /** Whether the app gets more of what has been read already. */
  protected mayDeliver(isReading: boolean): boolean {
    return isReading && !this.isClosed;
  }

  /** The app has a buffer of its own, which is filled as often as it takes, and as long as the app wants that. */
  #fill(bytes: Uint8Array, onread: NonNullable<Stream['onread']>): void {
    let at = 0;
    while (at < bytes.length && this.mayDeliver(this.#isReading)) {
      const room = this.#userBuffer!;
      const part = bytes.subarray(at, at + room.length);
      room.set(part);
      at += part.length;
      state[READ_BYTES_OR_ERROR] = part.length;
      state[ARRAY_BUFFER_OFFSET] = 0;
      const next = this.makeCallback(onread, undefined);
      if (next instanceof Uint8Array) this.#userBuffer = next;
    }
    this.#unread = at < bytes.length ? bytes.slice(at) : undefined;
  }

  /** The end of the stream (ERRNO.EOF) or an error. */
  onReadError(status: number): void {
    if (this.consumer?.onStreamError?.(status) === true) return;
    const { onread } = this;
    if (onread === undefined) return;
    state[READ_BYTES_OR_ERROR] = status;
    state[ARRAY_BUFFER_OFFSET] = 0;
    this.makeCallback(onread, undefined);
  }

  onEvents(length: number, events: never): void {
    this.bytesRead += length;
    this.consumer?.onStreamRead(events);
  }

  onWritten(status: number, error?: unknown): void {
    const write = this.#writes.shift();
    if (write === undefined) return;
    this.writeQueueSize -= write.size;
    const { request } = write;
    request.makeCallback(request['oncomplete'] as Completion, status, this, error);
  }

  onShutdown(status: number): void {
    const request = this.#shutdown;
    this.#shutdown = undefined;
    if (request !== undefined) request.makeCallback(request['oncomplete'] as Completion, status);
  }

  /** libuv ends what is under way with ECANCELED when a handle is closed. */
  protected override release(): void {
    const pending = this.#writes.splice(0);
    const shutdown = this.#shutdown;
    this.#shutdown = undefined;
    if (pending.length === 0 && shutdown === undefined) return;
    defer(() => {
      for (const { request } of pending) {
        request.makeCallback(request['oncomplete'] as Completion, ERRNO.ECANCELED, this, undefined);
      }
      shutdown?.makeCallback(shutdown['oncomplete'] as Completion, ERRNO.ECANCELED);
    });
  }
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => {
  if (parts.length === 1) return parts[0]!;
  let size = 0;
  for (const part of parts) size += part.length;
  const result = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
};

export const createStreamWrap = (): Binding => ({
  WriteWrap,
  ShutdownWrap,
  LibuvStreamWrap: Stream,
  kReadBytesOrError: READ_BYTES_OR_ERROR,
  kArrayBufferOffset: ARRAY_BUFFER_OFFSET,
  kBytesWritten: BYTES_WRITTEN,
  kLastWriteWasAsync: LAST_WRITE_WAS_ASYNC,
  kLastWriteErr: LAST_WRITE_ERROR,
  streamBaseState: state,
});
