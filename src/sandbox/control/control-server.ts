/**
 * The control socket of a sandbox: a Unix socket that its own user and root may ask things over. What it takes to
 * answer is loaded when somebody asks.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { WasmrunError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { peerCredentials } from '../../os/peer-credentials.ts';
import type { SandboxControl } from './sandbox-control.ts';

/** Clients at a time; more are turned away at once, and cost nothing. */
const MAX_CLIENTS = 256;
/** How long clients may take to read what was said to them last, in ms. */
const LAST_WORDS_MS = 250;

export interface ControlServerOptions {
  /** Absolute path of the socket; its directory is this user's alone. */
  readonly path: string;
  readonly control: SandboxControl;
  readonly log: Log;
}

/** Listens until it is disposed of, which takes the socket away and ends its clients. */
export class ControlServer implements AsyncDisposable {
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  #answering: Promise<(client: Socket) => void> | undefined;

  private constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#server = createServer((client) => this.#meet(client));
    this.#server.maxConnections = MAX_CLIENTS;
  }

  /** @throws {WasmrunError} CONTROL_FAILED */
  static async listen(options: ControlServerOptions): Promise<ControlServer> {
    const { path } = options;
    const server = new ControlServer(options);
    // Of a supervisor that was killed: this name is ours, by the record.
    rmSync(path, { force: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.#server.once('error', reject).listen(path, resolve);
    try {
      await promise;
    } catch (error) {
      throw new WasmrunError('CONTROL_FAILED', `cannot listen on ${path}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    server.#server.off('error', reject).unref();
    chmodSync(path, 0o600);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    // What has just happened is on its way to those who listen.
    await turn();
    for (const client of this.#clients) client.destroySoon();
    const deadline = setTimeout(() => this.#endClients(), LAST_WORDS_MS);
    await closed.promise;
    clearTimeout(deadline);
    rmSync(this.#options.path, { force: true });
  }

  #endClients(): void {
    for (const client of this.#clients) client.destroy();
  }

  #meet(client: Socket): void {
    this.#clients.add(client);
    client.on('close', () => this.#clients.delete(client)).on('error', () => client.destroy());
    client.unref();
    if (!isOwn(client)) {
      client.destroy();
      return;
    }
    void this.#answer(client);
  }

  async #answer(client: Socket): Promise<void> {
    try {
      this.#answering ??= import('./control-requests.ts').then(({ answerRequests }) =>
        answerRequests(this.#options.control),
      );
      const answer = await this.#answering;
      if (!client.destroyed) answer(client);
    } catch (error) {
      this.#options.log.warn(`the control socket does not work: ${String(error)}`);
      client.destroy();
    }
  }
}

/** This user or root; file permissions keep others out before. */
const isOwn = (client: Socket): boolean => {
  const { uid } = peerCredentials(descriptorOf(client));
  return uid === 0 || uid === process.geteuid?.();
};

/** Node has no other way to a socket's descriptor. */
const descriptorOf = (client: Socket): number =>
  (client as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
