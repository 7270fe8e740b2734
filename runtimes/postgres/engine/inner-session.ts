/** The server itself as a client of one of its backends (PostgreSQL 18 documentation, 54.2.3 "Simple Query"). */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { WASI } from '../../../src/engine/errno.ts';
import { takeInto } from './backend-client.ts';
import type { BackendClient } from './backend-client.ts';
import { writeStartupMessage } from './startup-message.ts';
import type { FatalError } from './startup-message.ts';

/** Types of messages (54.7). */
const TYPE = {
  copyInResponse: 'G',
  dataRow: 'D',
  errorResponse: 'E',
  parameterStatus: 'S',
  readyForQuery: 'Z',
} as const;
/** A type and a length, which counts itself. */
const HEAD = 5;
const PROTOCOL_3_0 = 196_608;
/** Bytes of COPY's data that are sent at a time. */
const COPY_CHUNK = 65_536;

/** An ErrorResponse by its fields (54.8). */
export interface ServerError {
  readonly severity: string;
  /** SQLSTATE */
  readonly code: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** Where in the statement, in characters from 1 on. */
  readonly position?: number | undefined;
  /** What led to it, line by line. */
  readonly context?: string | undefined;
}

export interface Answer {
  /** Values as texts; null for what is not there. */
  readonly rows: readonly (readonly (string | null)[])[];
  readonly error?: ServerError;
}

interface Question {
  readonly rows: (string | null)[][];
  error?: ServerError;
  /** What COPY ... FROM stdin is given. */
  readonly copyData: (() => Uint8Array) | undefined;
  readonly resolve: (answer: Answer) => void;
}

export interface SessionUser {
  readonly user: string;
  readonly database: string;
}

export class InnerSession implements BackendClient {
  readonly isIdle = false;
  readonly isListening = false;
  #unread: Buffer[] = [];
  #wake: (() => void) | undefined;
  #received: Buffer = Buffer.alloc(0);
  /** Asked and not answered yet. */
  readonly #questions: Question[] = [];
  /** The first ReadyForQuery of a backend that was introduced to somebody answers nothing. */
  #isReady: boolean;
  readonly #parameters = new Map<string, string>();
  /** Why there are no answers any more. */
  #end: ServerError | undefined;

  /** @param introduction - whom the backend is to be for; absent: it does not ask */
  constructor(introduction?: SessionUser) {
    this.#isReady = introduction === undefined;
    if (introduction !== undefined)
      this.#unread.push(writeStartupMessage(PROTOCOL_3_0, new Map(Object.entries(introduction))));
  }

  /**
   * Has a command of SQL carried out ("Query").
   * @param answered - called when it has been
   * @param copyData - what COPY ... FROM stdin is to read, where the command is one
   */
  query(
    text: string | Uint8Array,
    answered: (answer: Answer) => void = () => {},
    copyData?: () => Uint8Array,
  ): void {
    if (this.#end !== undefined) return answered({ rows: [], error: this.#end });
    this.#questions.push({ rows: [], copyData, resolve: answered });
    this.#say('Q', Buffer.from(text as string), Buffer.of(0));
  }

  /** A parameter that the server tells of, as `standard_conforming_strings`. */
  parameter(name: string): string | undefined {
    return this.#parameters.get(name);
  }

  /** Its backend has nothing more to do ("Terminate"). */
  end(): void {
    this.#say('X');
  }

  /** Its backend is gone: what was asked, and what is asked from now on, is answered by that. */
  fail(error: FatalError): void {
    this.#end ??= { severity: 'FATAL', ...error };
    for (const { rows, resolve, error: own = this.#end } of this.#questions.splice(0))
      resolve({ rows, error: own });
  }

  receive(memory: GuestMemory): number {
    const [next] = this.#unread;
    if (next === undefined) return -WASI.EAGAIN;
    return takeInto(memory, next, (rest) => {
      if (rest.length > 0) this.#unread[0] = rest;
      else this.#unread.shift();
    });
  }

  send(memory: GuestMemory): number {
    const parts = Array.from({ length: memory.iovCount }, (_, index) =>
      memory.slice(memory.iovPointers[index]!, memory.iovLengths[index]!),
    );
    this.#received = Buffer.concat([this.#received, ...parts]);
    this.#hear();
    return memory.iovTotal;
  }

  isGone(): boolean {
    return false;
  }

  watch(events: number, callback: (events: number) => void): Disposable {
    this.#wake = () => callback(events);
    return { [Symbol.dispose]: () => (this.#wake = undefined) };
  }

  #say(type: string, ...contents: readonly Uint8Array[]): void {
    const head = Buffer.alloc(HEAD);
    head.write(type, 'latin1');
    head.writeInt32BE(4 + contents.reduce((sum, { length }) => sum + length, 0), 1);
    this.#unread.push(Buffer.concat([head, ...contents]));
    this.#wake?.();
  }

  /** Takes in all messages that have come whole. */
  #hear(): void {
    for (;;) {
      const received = this.#received;
      if (received.length < HEAD) return;
      const end = 1 + received.readInt32BE(1);
      if (received.length < end) return;
      this.#received = received.subarray(end);
      this.#understand(String.fromCharCode(received[0]!), received.subarray(HEAD, end));
    }
  }

  #understand(type: string, content: Buffer): void {
    const [question] = this.#questions;
    if (type === TYPE.parameterStatus) {
      const [name = '', value = ''] = content.toString().split('\0');
      this.#parameters.set(name, value);
    } else if (type === TYPE.dataRow) question?.rows.push(readRow(content));
    else if (type === TYPE.errorResponse && question !== undefined) question.error ??= readError(content);
    else if (type === TYPE.copyInResponse) this.#copy(question?.copyData?.() ?? Buffer.alloc(0));
    else if (type === TYPE.readyForQuery) {
      if (!this.#isReady) {
        this.#isReady = true;
        return;
      }
      this.#questions.shift();
      if (question === undefined) return;
      const { rows, error } = question;
      question.resolve(error === undefined ? { rows } : { rows, error });
    }
  }

  #copy(data: Uint8Array): void {
    for (let at = 0; at < data.length; at += COPY_CHUNK) this.#say('d', data.subarray(at, at + COPY_CHUNK));
    this.#say('c');
  }
}

/** DataRow: how many values, then each with its length, or -1. */
const readRow = (content: Buffer): (string | null)[] => {
  let at = 2;
  return Array.from({ length: content.readInt16BE(0) }, () => {
    const length = content.readInt32BE(at);
    at += 4;
    if (length < 0) return null;
    at += length;
    return content.toString('utf8', at - length, at);
  });
};

/** Fields, each a letter and a text with a zero at its end. */
const readError = (content: Buffer): ServerError => {
  const fields = new Map(
    content
      .toString()
      .split('\0')
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );
  const position = fields.get('P');
  return {
    severity: fields.get('V') ?? 'ERROR',
    code: fields.get('C') ?? '',
    message: fields.get('M') ?? '',
    detail: fields.get('D'),
    hint: fields.get('H'),
    context: fields.get('W'),
    ...(position !== undefined && { position: Number(position) }),
  };
};
