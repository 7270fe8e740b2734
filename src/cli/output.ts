/**
 * What the command prints. For people: lines on standard error, so that standard output carries only
 * what the guest or a query writes. With `--json`: one JSON document a line on standard output.
 */
import { styleText } from 'node:util';
import type { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';
import { formatPort } from '../network/forward.ts';
import { forwardUrls } from '../network/forward-url.ts';
import type { ForwardEvent, SandboxEvent, StartedEvent } from '../sandbox/events.ts';

export interface Output {
  readonly log: Log;
  event(event: SandboxEvent): void;
  error(error: WasmrunError): void;
  /** The answer to a query: text for people, or one document. */
  result(text: string, document: unknown): void;
}

/** Where text goes; `process.stdout` and `process.stderr` are such. */
export interface Stream {
  write(text: string): unknown;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly stdout: Stream;
  readonly stderr: Stream;
}

export const createOutput = (options: OutputOptions): Output =>
  options.json ? new JsonOutput(options) : new HumanOutput(options);

/** The failure underneath, for `--verbose`. */
const stackOf = (error: WasmrunError): string => {
  const { cause } = error;
  return (cause instanceof Error ? cause.stack : undefined) ?? error.stack ?? '';
};

const whereabouts = ({ isolation, namespace, address }: StartedEvent): string =>
  address === undefined ? `(isolation ${isolation})` : `${address}  (namespace ${namespace})`;

/** The first of them, and how many more. */
const changedFiles = ([first, ...others]: readonly string[]): string => {
  if (first === undefined) return '';
  return `${first}${others.length === 0 ? '' : ` and ${others.length} more`}  `;
};

class HumanOutput implements Output {
  readonly #options: OutputOptions;
  readonly log: Log;
  /** Name of the sandbox, known from its first event. */
  #sandbox = 'the sandbox';

  constructor(options: OutputOptions) {
    this.#options = options;
    this.log = {
      detail: (message) => {
        if (options.verbose) this.#line(this.#style('dim', message));
      },
      info: (message) => this.#line(message),
      warn: (message) => this.#line(`${this.#style('yellow', 'warning:')} ${message}`),
    };
  }

  #line(text: string): void {
    this.#options.stderr.write(`${text}\n`);
  }

  /** Colour where standard error is a terminal, as NO_COLOR and FORCE_COLOR say. */
  #style(format: 'bold' | 'cyan' | 'dim' | 'red' | 'yellow', text: string): string {
    return styleText(format, text, { stream: process.stderr });
  }

  event(event: SandboxEvent): void {
    switch (event.type) {
      case 'started':
        this.#sandbox = event.name;
        return this.#line(`${this.#style('bold', event.name)}  ${whereabouts(event)}`);
      case 'forward':
        return this.#forward(event);
      case 'output':
        this.#options[event.stream].write(event.text);
        return undefined;
      case 'notice':
        return this.#line(`${this.#style('yellow', 'note:')} ${event.text}`);
      case 'refused':
        return this.#line(
          `${this.#style('yellow', 'refused:')} ${this.#sandbox} → ${event.destination}: ${event.reason}${event.remedy === undefined ? '' : ` (${event.remedy})`}`,
        );
      case 'closed':
        return this.#line(
          `${formatPort(event.hostPort, event.protocol)} → ${this.#sandbox}:${event.processPort}  closed`,
        );
      case 'reloaded':
        return this.#line(
          `${this.#style('cyan', 'reloaded')}  ${changedFiles(event.files)}v${event.generation}  ${event.ms} ms`,
        );
      case 'reload-failed': {
        const goesOn = event.serving === undefined ? 'waiting for a change' : `v${event.serving} goes on`;
        // An excerpt of the configuration may follow the sentence.
        const [sentence = '', ...excerpt] = event.message.split('\n');
        this.#line(
          `${this.#style('red', 'reload failed')}  ${changedFiles(event.files)}${sentence} (${goesOn})`,
        );
        for (const line of excerpt) this.#line(line);
        if (event.hint !== undefined) this.#line(`${this.#style('cyan', 'hint:')} ${event.hint}`);
        return undefined;
      }
      case 'exited':
        if (event.reason === 'trap')
          return this.#line(`${this.#sandbox} trapped: exit status ${event.status}`);
        return this.log.detail(`${this.#sandbox} ended (${event.reason}): exit status ${event.status}`);
    }
  }

  /** Ports of UDP carry its name, as they are written in `--forward`. */
  #forward(event: ForwardEvent): void {
    const { processPort, protocol, transport } = event;
    for (const url of forwardUrls(event)) {
      const from = this.#style('cyan', formatPort(url, protocol));
      this.#line(`${from} → ${this.#sandbox}:${formatPort(processPort, protocol)}  ${transport}`);
    }
  }

  error(error: WasmrunError): void {
    this.#line(`${this.#style('red', 'error:')} ${error.message}`);
    if (error.hint !== undefined) this.#line(`${this.#style('cyan', 'hint:')} ${error.hint}`);
    if (this.#options.verbose) this.#line(this.#style('dim', stackOf(error)));
  }

  result(text: string): void {
    this.#options.stdout.write(text);
  }
}

class JsonOutput implements Output {
  readonly #options: OutputOptions;
  readonly log: Log;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.log = {
      detail: (text) => {
        if (options.verbose) this.#document({ type: 'detail', text });
      },
      info: (text) => this.#document({ type: 'notice', text }),
      warn: (text) => this.#document({ type: 'warning', text }),
    };
  }

  #document(document: unknown): void {
    this.#options.stdout.write(`${JSON.stringify(document)}\n`);
  }

  event(event: SandboxEvent): void {
    if (event.type !== 'forward') return this.#document(event);
    const [url] = forwardUrls(event);
    return this.#document({ ...event, url });
  }

  error(error: WasmrunError): void {
    const { code, message, hint, exitStatus } = error;
    const stack = this.#options.verbose ? { stack: stackOf(error) } : {};
    this.#document({ type: 'error', code, message, hint, exitStatus, ...stack });
  }

  result(_text: string, document: unknown): void {
    this.#document(document);
  }
}
