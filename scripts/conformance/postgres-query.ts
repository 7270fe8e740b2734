/** Waits until a server of PostgreSQL answers a query, as a client does that knows no more of its protocol than that. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeStartupMessage } from '../../runtimes/postgres/engine/startup-message.ts';

/** Version 3.0 (PostgreSQL 18 documentation, 54.2.1). */
const VERSION = 0x0003_0000;
/** "Query" (54.7). */
const QUERY = Buffer.from('Q\0\0\0\x0dselect 1\0', 'latin1');
/** The row's only value, at the end of "DataRow". */
const ANSWER = Buffer.from('D\0\0\0\x0b\0\x01\0\0\0\x011', 'latin1');
const RETRY_MS = 5;
const PATIENCE_MS = 30_000;

/** Is a query answered now? */
const answers = async (port: number): Promise<boolean> => {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write(writeStartupMessage(VERSION, new Map([['user', 'postgres']])));
    socket.write(QUERY);
    let said = Buffer.alloc(0);
    for await (const chunk of socket) {
      said = Buffer.concat([said, chunk as Buffer]);
      if (said.includes(ANSWER)) return true;
    }
    return false;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
};

/**
 * @returns when it was answered, by performance.now()
 * @throws {Error} where it is not for half a minute
 */
export const untilFirstQuery = async (port: number): Promise<number> => {
  const begin = performance.now();
  while (!(await answers(port))) {
    if (performance.now() - begin > PATIENCE_MS) throw new Error(`nothing answers on port ${port}`);
    await sleep(RETRY_MS);
  }
  return performance.now();
};
