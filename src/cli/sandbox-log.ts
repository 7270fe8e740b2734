/** Where a detached sandbox says what others print to their terminal. */
import type { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { SandboxEvent } from '../sandbox/events.ts';
import { logDirectory } from '../sandbox/log-files.ts';
import { LogWriter } from '../sandbox/log-writer.ts';
import { createOutput } from './output.ts';
import type { Output } from './output.ts';

export class SandboxLog implements Disposable {
  readonly #writer: LogWriter;
  readonly #output: Output;

  constructor(prefix: string, sandbox: string) {
    this.#writer = new LogWriter(logDirectory(prefix, sandbox));
    const stream = { write: (text: string) => this.#append('wasmrun', text) };
    this.#output = createOutput({ json: false, verbose: false, stdout: stream, stderr: stream });
  }

  get log(): Log {
    return this.#output.log;
  }

  event(event: SandboxEvent): void {
    if (event.type === 'output') this.#append(event.stream, event.text);
    else this.#output.event(event);
  }

  error(error: WasmrunError): void {
    this.#output.error(error);
  }

  [Symbol.dispose](): void {
    this.#writer[Symbol.dispose]();
  }

  #append(stream: 'stdout' | 'stderr' | 'wasmrun', text: string): void {
    this.#writer.append({ time: Date.now(), stream, text });
  }
}
