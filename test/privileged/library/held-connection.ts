/** A connection to a server of HTTP that is kept. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

const REQUEST = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n';

export class HeldConnection implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #closed: Promise<unknown>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.on('error', () => {}).once('close', resolve));
  }

  /** Over it one request has been answered. */
  static async open(port: number): Promise<HeldConnection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const held = new HeldConnection(socket);
    await held.ask();
    return held;
  }

  /** The answer to one more request. */
  async ask(): Promise<string> {
    this.#socket.write(REQUEST);
    const [answer] = (await once(this.#socket, 'data')) as [Buffer];
    return answer.toString();
  }

  /** Resolves when the other side has ended it. */
  async ended(): Promise<true> {
    await this.#closed;
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.#closed;
  }
}
