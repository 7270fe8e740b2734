/** A client of PostgreSQL's protocol (documentation, chapter 54) that sends whatever a test wants, right or wrong. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { writeStartupMessage } from '../../runtimes/postgres/engine/startup-message.ts';

const VERSION = 0x0003_0000;

export interface ServerMessage {
  /** A letter. */
  readonly type: string;
  readonly content: Buffer;
}

export interface QueryEnd {
  /** Columns as text. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** SQLSTATE and words of the error, if there was one. */
  readonly error: string | undefined;
}

/** A message with a type. */
export const protocolMessage = (type: string, content: Buffer | string = ''): Buffer => {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(4 + bytes.length, 1);
  return Buffer.concat([head, bytes]);
};

export const startupMessage = (user: string, others: Readonly<Record<string, string>> = {}): Buffer =>
  writeStartupMessage(VERSION, new Map(Object.entries({ user, database: 'postgres', ...others })));

/** A request to cancel what the process does. */
export const cancelRequest = (pid: number, key: Buffer): Buffer => {
  const head = Buffer.alloc(12);
  head.writeInt32BE(head.length + key.length, 0);
  head.writeInt32BE(80_877_102, 4);
  head.writeInt32BE(pid, 8);
  return Buffer.concat([head, key]);
};

export class PostgresClient implements Disposable {
  readonly socket: Socket;
  /** Everything received so far that no whole message was taken from. */
  #unread: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #changed: () => void = () => {};
  /** Of the backend: its number and the key to cancel with, once it is in. */
  pid = 0;
  key: Buffer = Buffer.alloc(0);

  private constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    this.socket.on('data', (bytes: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, bytes]);
      this.#changed();
    });
    this.socket.on('end', () => this.#close());
    this.socket.on('close', () => this.#close());
    // Whoever speaks nonsense may be hung up on.
    this.socket.on('error', () => this.#close());
  }

  /** A connection on which nothing has been said. */
  static open(port: number): PostgresClient {
    return new PostgresClient(port);
  }

  /**
   * A session.
   * @throws {Error} with what the server has answered instead
   */
  static async connect(
    port: number,
    user = 'postgres',
    settings: Readonly<Record<string, string>> = {},
  ): Promise<PostgresClient> {
    const client = new PostgresClient(port);
    client.send(startupMessage(user, settings));
    const { error } = await client.answer();
    if (error === undefined) return client;
    client[Symbol.dispose]();
    throw new Error(error);
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** Has commands carried out. */
  query(sql: string): Promise<QueryEnd> {
    this.send(protocolMessage('Q', `${sql}\0`));
    return this.answer();
  }

  /** The next message, or undefined at the end. */
  async next(): Promise<ServerMessage | undefined> {
    for (;;) {
      const length = this.#unread.length < 5 ? Infinity : 1 + this.#unread.readInt32BE(1);
      if (this.#unread.length >= length) {
        const whole = this.#unread.subarray(0, length);
        this.#unread = this.#unread.subarray(length);
        return { type: whole.toString('latin1', 0, 1), content: Buffer.from(whole.subarray(5)) };
      }
      if (this.#isClosed) return undefined;
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }

  /** What comes until the server is ready for a query, or has closed. */
  async answer(): Promise<QueryEnd> {
    const rows: (string | null)[][] = [];
    let error: string | undefined;
    for (;;) {
      const message = await this.next();
      if (message === undefined) return { rows, error: error ?? 'closed' };
      const { type, content } = message;
      if (type === 'D') rows.push(columns(content));
      if (type === 'E') error = errorText(content);
      if (type === 'K') {
        this.pid = content.readInt32BE(0);
        this.key = content.subarray(4);
      }
      if (type === 'Z') return { rows, error };
    }
  }

  /** Everything until the server closes, as bytes. */
  async rest(): Promise<Buffer> {
    while (!this.#isClosed) await new Promise<void>((resolve) => (this.#changed = resolve));
    return this.#unread;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #close(): void {
    this.#isClosed = true;
    this.#changed();
  }
}

const columns = (content: Buffer): (string | null)[] => {
  let at = 2;
  return Array.from({ length: content.readInt16BE(0) }, () => {
    const length = content.readInt32BE(at);
    at += 4 + Math.max(0, length);
    return length < 0 ? null : content.toString('utf8', at - length, at);
  });
};

/** `SQLSTATE words`. */
export const errorText = (content: Buffer): string => {
  const fields = new Map(
    content
      .toString()
      .split('\0')
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );
  return `${fields.get('C')} ${fields.get('M')}`;
};
