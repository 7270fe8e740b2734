/** Clients of a forward of UDP, on this machine. */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect, onTestFinished } from 'vitest';

/** Lost datagrams are sent again after this many ms. */
const RETRY_MS = 500;

/** Closed when the test ends. */
export const openClient = (host: string): Socket => {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  onTestFinished(() => void socket.close());
  return socket;
};

/** Asks until an answer comes; rejects when the host says that nobody is there. */
export const ask = async (
  text: string,
  host: string,
  port: number,
  client = openClient(host),
): Promise<string> => {
  const send = (): void => client.send(text, port, host);
  send();
  const again = setInterval(send, RETRY_MS);
  try {
    const [answer, from] = (await once(client, 'message')) as [Buffer, RemoteInfo];
    expect([from.address, from.port]).toEqual([host, port]);
    return answer.toString();
  } finally {
    clearInterval(again);
  }
};

/** The kernel says at once that nobody has the port. */
export const expectNobody = async (host: string, port: number): Promise<void> => {
  const client = openClient(host);
  client.connect(port, host);
  await once(client, 'connect');
  client.send('anyone?');
  expect(await once(client, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }]);
};
