/** Drives a sandbox over its control socket. */
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { WasmrunError } from '../../errors.ts';
import type { SandboxEvent } from '../events.ts';
import { EVENTS_PATH, OPERATIONS, VERSION_PATH, readFailure } from './control-messages.ts';
import type { Operation } from './control-messages.ts';
import type { CloseRequest, ExposeRequest, SandboxControl, StopRequest } from './sandbox-control.ts';
import type { ForwardInfo, SandboxInfo } from './sandbox-info.ts';

/** How long a sandbox may take to answer, in ms; a new version of the app takes its time. */
const PATIENCE_MS = 10_000;
const RELOAD_PATIENCE_MS = 60_000;

export class ControlClient implements SandboxControl {
  readonly #name: string;
  readonly #path: string;

  /** @param path - absolute, of the socket */
  constructor(name: string, path: string) {
    this.#name = name;
    this.#path = path;
  }

  /** @param patienceMs - how long it may take to answer */
  async info(patienceMs = PATIENCE_MS): Promise<SandboxInfo> {
    return await this.#ask('info', {}, patienceMs);
  }

  async expose(request: ExposeRequest): Promise<ForwardInfo> {
    return await this.#ask('expose', request);
  }

  async close(request: CloseRequest): Promise<void> {
    await this.#ask('close', request);
  }

  async reload(): Promise<void> {
    await this.#ask('reload', {}, RELOAD_PATIENCE_MS);
  }

  async stop(request: StopRequest = {}): Promise<void> {
    await this.#ask('stop', request);
  }

  async *events(signal?: AbortSignal): AsyncGenerator<SandboxEvent> {
    try {
      const response = await this.#send('GET', EVENTS_PATH, { signal, patienceMs: PATIENCE_MS });
      // The end of the sandbox is the end of the stream, however it comes.
      using _ = { [Symbol.dispose]: () => response.on('error', () => {}).destroy() };
      for await (const line of createInterface({ input: response })) {
        // Of events there may be kinds that this version does not know: they are handed on as they are.
        yield JSON.parse(line) as SandboxEvent;
      }
    } catch (error) {
      const isCut = (error as NodeJS.ErrnoException).code === 'ECONNRESET';
      if (signal?.aborted !== true && !isCut) throw error;
    }
  }

  async #ask<Name extends Operation>(
    operation: Name,
    document: object,
    patienceMs = PATIENCE_MS,
  ): Promise<z.infer<(typeof OPERATIONS)[Name]['answer']>> {
    const { method, path, answer } = OPERATIONS[operation];
    const response = await this.#send(method, path, { document, patienceMs });
    const text = await readText(response);
    const answered = parseJson(text);
    const failure = readFailure(answered);
    if (failure !== undefined) throw failure;
    const { data, error } = z.safeParse(answer, answered);
    if (error === undefined) return data as z.infer<(typeof OPERATIONS)[Name]['answer']>;
    throw new WasmrunError('CONTROL_FAILED', `${this.#name} gave an answer that cannot be understood`, {
      hint: 'it may have been started by another version of wasmrun: use that one',
      cause: error,
    });
  }

  async #send(
    method: string,
    path: string,
    how: { document?: object; patienceMs: number; signal?: AbortSignal | undefined },
  ): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { document, patienceMs, signal } = how;
    const request = httpRequest(
      { socketPath: this.#path, method, path: VERSION_PATH + path, agent: false, ...(signal && { signal }) },
      (response) => {
        request.setTimeout(document === undefined ? 0 : patienceMs);
        resolve(response);
      },
    );
    request.setTimeout(patienceMs, () => request.destroy(new Error('no answer')));
    request.on('error', (error) => reject(this.#unreachable(error, patienceMs)));
    const text = JSON.stringify(document ?? {});
    request
      .setHeader('content-type', 'application/json')
      .setHeader('content-length', Buffer.byteLength(text));
    request.end(text);
    return await promise;
  }

  #unreachable(error: NodeJS.ErrnoException, patienceMs: number): WasmrunError {
    const isGone = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '');
    if (isGone) {
      return new WasmrunError('SANDBOX_NOT_RUNNING', `${this.#name} does not run any more`, { cause: error });
    }
    const reason = error.code === undefined ? `it gave no answer in ${patienceMs / 1000} s` : error.message;
    return new WasmrunError('CONTROL_FAILED', `${this.#name} cannot be asked: ${reason}`, {
      hint: `wasmrun explain ${this.#name} says what is wrong with it`,
      cause: error,
    });
  }
}

const readText = async (response: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) text += part;
  return text;
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
