/** From now to the first 200 of a server that is starting. */
import { connect } from 'node:net';

/** Pause between attempts to connect, in ms, and the patience for all of them. */
const RETRY_MS = 2;
const PATIENCE_MS = 20_000;

/** One attempt at an answer; resolves with whether it was a 200. */
const answers200 = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    );
    socket.once('data', (bytes) => {
      resolve(bytes.toString('latin1').startsWith('HTTP/1.1 200'));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });

/**
 * Asks a loopback port until it answers.
 * @param since - when the server was started, by `performance.now()`
 * @returns ms since then
 * @throws {Error} after a patience of 20 s
 */
export const untilFirst200 = async (port: number, since = performance.now()): Promise<number> => {
  while (performance.now() - since < PATIENCE_MS) {
    if (await answers200(port)) return performance.now() - since;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new Error(`no answer on port ${port}`);
};
