/**
 * Finds out whether pf does what it was told: rules in an anchor count only where the main rules lead there,
 * and other programs (VPNs, virtual machines) load main rules of their own that do not.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { PfRedirection } from './pf-rules.ts';

const LOOPBACK = '127.0.0.1';
/** A connection within the host takes less than a millisecond; one that pf has garbled never comes. */
const PATIENCE_MS = 3000;

/**
 * Makes two listeners, has a redirection from the first to the second loaded, and connects to the first:
 * who answers tells. Both are closed at the end; the redirection is the caller's to remove.
 */
export const redirectionWorks = async (load: (canary: PfRedirection) => Promise<void>): Promise<boolean> => {
  await using entrance = await CanaryListener.open();
  await using landing = await CanaryListener.open();
  const { port } = entrance;
  await load({ address: LOOPBACK, hostPort: port, protocol: 'tcp', landingPort: landing.port });
  const client = connect({ host: LOOPBACK, port });
  const deadline = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await Promise.race([
      landing.reached.then(() => true),
      entrance.reached.then(() => false),
      once(client, 'error', { signal: deadline }).then(
        () => false,
        () => false,
      ),
    ]);
  } finally {
    client.destroy();
  }
};

class CanaryListener implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Resolves with the first connection. */
  readonly reached: Promise<void>;

  private constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.reached = promise;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket.on('error', () => {}));
      resolve();
    });
  }

  static async open(): Promise<CanaryListener> {
    const listener = new CanaryListener();
    listener.#server.listen({ host: LOOPBACK, port: 0 });
    await once(listener.#server, 'listening');
    return listener;
  }

  get port(): number {
    const { port } = this.#server.address() as AddressInfo;
    return port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
