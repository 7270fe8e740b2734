/** A session of the server's own, which asks PostgreSQL what only it knows. */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { InnerClient } from './backend-client.ts';
import { readMessage, writeMessage } from './protocol-message.ts';
import type { ProtocolMessage } from './protocol-message.ts';
import type { Stacks } from './stacks.ts';
import { readError } from './startup-message.ts';
import type { FatalError } from './startup-message.ts';

/** Columns as text; null is null. */
export type Row = readonly (string | null)[];

export interface InnerAnswer {
  readonly rows: readonly Row[];
  readonly error: FatalError | undefined;
}

interface Question {
  readonly rows: Row[];
  error: FatalError | undefined;
  /** Absent where nobody listens. */
  readonly answer?: (answer: InnerAnswer) => void;
}

export class InnerSession extends InnerClient {
  readonly #stacks: Stacks;
  #received: Buffer = Buffer.alloc(0);
  /** Whatever "ready for query" is still to come of. */
  readonly #questions: Question[] = [];

  constructor(stacks: Stacks) {
    super();
    this.#stacks = stacks;
  }

  override query(text: string): void {
    this.#questions.push({ rows: [], error: undefined });
    super.query(text);
  }

  /**
   * Asks by the extended protocol, when everything asked before has been answered.
   * @param values - of `$1` and so on, as text
   */
  ask(sql: string, values: readonly string[] = []): Promise<InnerAnswer> {
    return this.#stacks.suspend((answer) => {
      this.#questions.push({ rows: [], error: undefined, answer });
      const parameters = values.map((value) => Buffer.from(value));
      this.say(
        Buffer.concat([
          writeMessage('P', Buffer.from(`\0${sql}\0\0\0`)),
          writeMessage(
            'B',
            Buffer.concat([
              Buffer.from([0, 0, 0, 0]),
              int16(parameters.length),
              ...parameters.flatMap((value) => [int32(value.length), value]),
              int16(0),
            ]),
          ),
          writeMessage('E', Buffer.alloc(5)),
          writeMessage('S'),
        ]),
      );
    });
  }

  override send(memory: GuestMemory): number {
    const bytes = memory.slice(memory.iovPointers[0]!, memory.iovTotal);
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const message = readMessage(this.#received);
      if (message === undefined) return memory.iovTotal;
      this.#hear(message);
      this.#received = this.#received.subarray(message.length);
    }
  }

  #hear({ type, content }: ProtocolMessage): void {
    const [question] = this.#questions;
    if (question === undefined) return;
    if (type === 'D') question.rows.push(readRow(content));
    if (type === 'E') question.error = readError(content);
    if (type !== 'Z') return;
    this.#questions.shift();
    question.answer?.({ rows: question.rows, error: question.error });
  }
}

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

/** "DataRow" of the protocol. */
const readRow = (content: Buffer): Row => {
  let at = 2;
  return Array.from({ length: content.readInt16BE(0) }, () => {
    const length = content.readInt32BE(at);
    at += 4 + Math.max(0, length);
    return length < 0 ? null : content.toString('utf8', at - length, at);
  });
};
