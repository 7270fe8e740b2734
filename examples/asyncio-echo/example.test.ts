/** The example as its README promises it. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { copyPythonExample, startPythonApp } from '../../test/helpers/python-app.ts';

/** What a connection is answered, until so many bytes have come. */
const answer = async (socket: Socket, length: number): Promise<string> => {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (text.length >= length) return text;
  }
  return text;
};

test('says back what many clients say, each to its own, and parts from them when it is told to stop', async () => {
  await using copy = await copyPythonExample('asyncio-echo');
  await using app = await startPythonApp(copy.path, 7000);
  const sockets = Array.from({ length: 50 }, () => connect(app.port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const [index, socket] of sockets.entries()) socket.write(`hello ${index}\n`);
  const answers = await Promise.all(
    sockets.map((socket, index) => answer(socket, `hello ${index}\n`.length)),
  );
  expect(answers).toEqual(sockets.map((_, index) => `hello ${index}\n`));
  const long = `${'x'.repeat(50_000)}\n`;
  sockets[0]!.write(long);
  expect(await answer(sockets[0]!, long.length)).toBe(long);
  // The server closes its side when it has seen ours, and no longer counts us.
  await Promise.all(sockets.slice(3).map((socket) => once(socket.resume().end(), 'close')));
  const parted = sockets.slice(0, 3).map((socket) => once(socket.resume(), 'close'));
  app.run.process.kill('SIGTERM');
  await Promise.all(parted);
  expect(await app.run.ended).toMatchObject({
    status: 143,
    stdout: 'echo: listening on port 7000\necho: closing, with 3 clients\n',
  });
});
