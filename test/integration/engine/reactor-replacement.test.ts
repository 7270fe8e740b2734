/** How a reactor makes room for the next version of itself. */
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { Agent, get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FIRST_INHERITED_FD } from '../../../src/engine/messages.ts';
import { echo, openConnection, startServer } from '../../helpers/reactor.ts';

/** By an agent that keeps its connection. */
const request = (
  agent: Agent,
  path: string,
  port: number,
): Promise<{ response: IncomingMessage; body: string }> =>
  new Promise((resolve, reject) => {
    get({ agent, path, port, host: '127.0.0.1' }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += String(chunk))).on('end', () => resolve({ response, body }));
    }).on('error', reject);
  });

describe('a reactor that is replaced', () => {
  test('hands its listener to the next one, drains, and fails no request', async () => {
    await using first = await startServer({ greeting: 'first' }, { keepListeners: true });
    expect(await first.message('listening')).toMatchObject({ sockets: 1 });
    const { port } = first;
    const kept = first.channel.take()!;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await request(agent, '/', port)).body).toBe('first');
    const idle = await openConnection(port);
    await echo(idle, 'an echo');
    await using second = await startServer(
      { ports: [port], greeting: 'second' },
      {
        descriptors: [kept],
        inherited: [{ fd: FIRST_INHERITED_FD, protocol: 'tcp', port }],
        keepListeners: true,
      },
    );
    closeSync(kept);
    // In flight when the drain comes: an echo on another connection of the first one proves it.
    const inFlight = request(agent, '/late/100', port);
    await setImmediate();
    await echo(idle, 'another echo');
    first.send({ type: 'drain' });
    // None but the new one accepts.
    for (let round = 0; round < 20; round += 1) expect(await second.ask('/')).toBe('second');
    const { response, body } = await inFlight;
    expect(body).toBe('late');
    expect(response.headers.connection).toBe('close');
    expect((await request(agent, '/', port)).body).toBe('second');
    agent.destroy();
    // What is no HTTP is never between two requests, but may be ended by its client.
    expect(first.process.exitCode).toBe(null);
    idle.end();
    expect(await first.ended).toMatchObject({ status: 0, end: { reason: 'drained' } });
    expect(await second.ask('/')).toBe('second');
    closeSync(second.channel.take()!);
  });

  test('ends connections between two requests', async () => {
    await using run = await startServer();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await request(agent, '/', run.port);
    run.send({ type: 'drain' });
    const again = setInterval(() => run.send({ type: 'drain' }), 20);
    expect(await run.ended).toMatchObject({ status: 0, end: { reason: 'drained' } });
    clearInterval(again);
    agent.destroy();
  });

  test('ends everything in the end, without a reset', async () => {
    await using run = await startServer();
    const socket = await openConnection(run.port);
    await echo(socket, 'still here');
    socket.write('GET /late/60000 HTTP/1.1\r\n\r\n');
    await run.ask('/');
    run.send({ type: 'drain' }, { type: 'finish' });
    socket.resume();
    const [hadError] = (await once(socket, 'close')) as [boolean];
    expect(hadError).toBe(false);
    expect(await run.ended).toMatchObject({ status: 0, end: { reason: 'drained' } });
  });
});
