/** `internalBinding('js_stream')`: a stream of JavaScript where the library wants a handle (js_stream.cc). */
import { ERRNO } from '../errno.ts';
import type { Binding } from '../binding-shape.ts';
import { newBuffer } from './buffer.ts';
import { Request } from './handles.ts';
import { Stream } from './streams.ts';
import type { Completion, WriteResult } from './streams.ts';

type Method = (...values: unknown[]) => number;

/** The library puts methods on it that begin with `on`. */
class JSStream extends Stream {
  constructor() {
    super('JSSTREAM');
  }

  protected override startReading(isOn: boolean): number {
    return this.#ask(isOn ? 'onreadstart' : 'onreadstop');
  }

  protected override begin(request: Request | null, bytes: Uint8Array): WriteResult {
    const pending = request ?? new Request('WRITEWRAP');
    const result = this.#ask('onwrite', pending, [newBuffer(bytes)]);
    this.noteWrite(bytes.length, result === 0, result);
    return result === 0 && request === null ? pending : result;
  }

  override shutdown(request: Request): number {
    return this.#ask('onshutdown', request);
  }

  finishWrite(request: Request, status: number): void {
    const { oncomplete } = request;
    if (typeof oncomplete === 'function')
      request.makeCallback(oncomplete as Completion, status, this, undefined);
  }

  finishShutdown(request: Request, status: number): void {
    this.finishWrite(request, status);
  }

  readBuffer(bytes: Uint8Array): void {
    this.onData(bytes.slice());
  }

  emitEOF(): void {
    this.onReadError(ERRNO.EOF);
  }

  #ask(name: string, ...values: unknown[]): number {
    const method = this[name];
    if (typeof method !== 'function') return ERRNO.ECANCELED;
    return (this.makeCallback(method as Method, ...values) as number | undefined) ?? ERRNO.ECANCELED;
  }
}

export const createJsStream = (): Binding => ({ JSStream });
