/** Runs the server of test/guests/echo-driver.ts, a guest that is a reactor, and talks to it. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { EchoOptions, Stats } from '../guests/echo-driver.ts';
import { startEngine } from './engine.ts';
import type { EngineOptions, EngineRun } from './engine.ts';
import { freePort } from './free-port.ts';

/** Absolute path of the driver. */
export const ECHO_DRIVER = fileURLToPath(new URL('../guests/echo-driver.ts', import.meta.url));

/** Rights are given up where there are any. */
const NOBODY = process.getuid?.() === 0 ? { user: { uid: 65_534, gid: 65_534 } } : {};

export const startReactor = (options: EchoOptions, changes: Partial<EngineOptions> = {}): EngineRun =>
  startEngine({ guest: 'hello-preview1', driver: { path: ECHO_DRIVER, options }, ...NOBODY, ...changes });

export interface ReactorServer extends EngineRun {
  /** Where it listens. */
  readonly port: number;
  /** The answer to a request on a connection of its own. */
  ask(path: string): Promise<string>;
  statistics(): Promise<Stats>;
}

/** Starts it on a free port, or on one that is given, and waits until it listens. */
export const startServer = async (
  options: EchoOptions = {},
  changes: Partial<EngineOptions> = {},
): Promise<ReactorServer> => {
  const ports = options.ports ?? [await freePort()];
  const run = startReactor({ ...options, ports }, changes);
  const { port } = await run.message('listening');
  expect(ports).toContain(port);
  const ask = (path: string): Promise<string> => askAt(port, path);
  return {
    ...run,
    port,
    ask,
    statistics: async () => JSON.parse(await ask('/stats')) as Stats,
  };
};

/** A request to any port, on a connection of its own. */
export const askAt = async (port: number, path: string): Promise<string> =>
  (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })).text();

export const openConnection = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
};

/** Sends a text and waits for it to come back. */
export const echo = async (socket: Socket, text: string): Promise<void> => {
  socket.write(text);
  let answer = '';
  while (answer.length < text.length) answer += String((await once(socket, 'data'))[0]);
  expect(answer).toBe(text);
};
