/** A guest that is a reactor, run by a driver: what the socket ABIs promise holds for it as well. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FIRST_INHERITED_FD } from '../../../src/engine/messages.ts';
import { holdHostPort } from '../../../src/network/host-listener.ts';
import type { HeldPort } from '../../../src/network/host-listener.ts';
import type { EngineOptions } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';
import { askAt, echo, openConnection, startReactor, startServer } from '../../helpers/reactor.ts';

/** Simultaneous connections it must serve. */
const MANY = 1000;

describe('a reactor', () => {
  test('serves connections that come and go, and ends with its own status', async () => {
    await using run = await startServer({ greeting: 'Good day' }, { tmpfs: ['/tmp'] });
    expect(await run.ask('/')).toBe('Good day');
    expect(await run.ask('/mounts')).toBe('/tmp');
    const socket = await openConnection(run.port);
    for (const text of ['one', 'two', 'three']) await echo(socket, text);
    socket.end();
    await once(socket, 'close');
    run.ask('/exit/7').catch(() => {});
    expect(await run.ended).toMatchObject({ status: 7, end: { reason: 'exit', status: 7 } });
    expect(run.messages[0]).toEqual({ type: 'prepared', abi: 'reactor' });
  });

  test('sends a large answer to a client that reads late', async () => {
    await using run = await startServer();
    const size = 20_000_000;
    const socket = await openConnection(run.port);
    socket.write(`GET /large/${size} HTTP/1.1\r\n\r\n`);
    // Meanwhile the guest has nothing to do but to wait for room.
    expect(await run.ask('/')).toBe('Hello');
    const before = await run.statistics();
    expect(await run.ask('/late/50')).toBe('late');
    expect((await run.statistics()).waits - before.waits).toBeLessThan(20);
    let length = 0;
    for await (const chunk of socket) {
      length += (chunk as Buffer).length;
      if (length > size) break;
    }
    expect(length).toBeGreaterThan(size);
  });

  test(`serves ${MANY} connections at a time`, async () => {
    await using run = await startServer();
    const sockets = await Promise.all(Array.from({ length: MANY }, () => openConnection(run.port)));
    for (let round = 0; round < 2; round += 1) {
      await Promise.all(sockets.map((socket, index) => echo(socket, `${round} of connection ${index}`)));
    }
    for (const socket of sockets) socket.destroy();
    expect(await run.ask('/')).toBe('Hello');
  });

  test('answers datagrams', async () => {
    const port = await freePort();
    await using run = startReactor({ udpPort: port });
    expect(await run.message('listening')).toMatchObject({ protocol: 'udp', port });
    const client = createSocket('udp4');
    for (const text of ['one', 'two']) {
      client.send(text, port, '127.0.0.1');
      expect(String((await once(client, 'message'))[0])).toBe(text);
    }
    client.close();
  });

  test('reads its standard input when something comes', async () => {
    await using run = await startServer({ copiesInput: true }, { keepStdin: true });
    run.process.stdin!.write('first ');
    await run.printed('first');
    expect(await run.ask('/')).toBe('Hello');
    run.process.stdin!.end('last');
    await run.printed('first last');
    const before = await run.statistics();
    expect(await run.ask('/late/50')).toBe('late');
    expect((await run.statistics()).waits - before.waits).toBeLessThan(20);
  });

  test('that traps is told like any other', async () => {
    await using run = await startServer();
    run.ask('/trap').catch(() => {});
    expect(await run.ended).toMatchObject({ status: 134, end: { reason: 'trap' } });
    expect(run.stderr()).toContain('wasm trap: unreachable\n    at function 0 (hello-preview1.wasm:0x1e)');
  });

  test('whose driver fails says how', async () => {
    await using run = await startServer();
    run.ask('/fail/sorry').catch(() => {});
    const message = 'the engine failed: sorry';
    expect((await run.ended).end).toMatchObject({ type: 'failed', code: 'ENGINE_FAILED', message });
  });

  test('without its driver does not start', async () => {
    await using run = startReactor({}, { driver: { path: '/nonexistent/driver.js' } });
    expect(await run.ended).toMatchObject({ status: 125, end: { type: 'failed', code: 'ENGINE_FAILED' } });
  });
});

describe('a waiting reactor', () => {
  test.each([{}, { udpPort: 1 }])('hears a stop at once (%j)', async ({ udpPort }) => {
    await using run = await startServer(udpPort === undefined ? {} : { udpPort: await freePort() });
    run.send({ type: 'stop', signal: 15 });
    expect(await run.ended).toMatchObject({ status: 0, end: { reason: 'stopped' } });
  });

  test('is told of a stop first, if it wants to', async () => {
    await using run = await startServer({ statusOfStop: 3 });
    run.send({ type: 'stop', signal: 15 });
    expect(await run.ended).toMatchObject({ status: 3, end: { reason: 'exit' } });
  });

  test('ends at once when its supervisor is gone', async () => {
    await using run = await startServer();
    run.control.destroy();
    expect((await run.ended).status).toBe(125);
  });

  test('is stopped before it runs', async () => {
    await using run = startReactor(
      { ports: [await freePort()] },
      { together: [{ type: 'stop', signal: 15 }] },
    );
    expect(await run.ended).toMatchObject({ status: 0, end: { reason: 'stopped' } });
  });
});

describe('a reactor and host ports', () => {
  let held: HeldPort;
  let port = 0;
  beforeEach(async () => {
    port = await freePort();
    held = holdHostPort({ addresses: ['127.0.0.1', '::1'], port: 0, skipUnavailable: ['::1'] });
  });
  afterEach(() => held[Symbol.asyncDispose]());
  const handOver = (): Partial<EngineOptions> => ({
    descriptors: held.listeners.map(({ fd }) => fd),
    handed: held.listeners.map((_, index) => ({
      fd: FIRST_INHERITED_FD + index,
      id: index,
      processPort: port,
    })),
  });

  test.each([{}, { virtualPorts: true }])('is reached by all of them (%j)', async (changes) => {
    await using run = await startServer({ ports: [port] }, { ...handOver(), ...changes });
    expect(await askAt(held.hostPort, '/')).toBe('Hello');
    for (const { address } of held.listeners) {
      const socket = connect(held.hostPort, address);
      await echo(socket, `by ${address}`);
      socket.destroy();
    }
    if (changes.virtualPorts === true) await expect(run.ask('/')).rejects.toThrow('fetch failed');
    else expect(await run.ask('/')).toBe('Hello');
  });

  test('that come and go while it waits', async () => {
    await using run = await startServer({ ports: [port] });
    const [{ fd }] = held.listeners as [HeldPort['listeners'][0]];
    for (const id of [8, 9]) {
      const waiting = askAt(held.hostPort, '/');
      run.channel.hand({ kind: 'listener', id, processPort: port }, fd);
      run.send({ type: 'attach', kind: 'listener' });
      expect(await waiting).toBe('Hello');
      const kept = await openConnection(held.hostPort);
      await echo(kept, 'before');
      run.send({ type: 'detach', id, cut: false });
      await run.statistics();
      // Nobody accepts; who was accepted stays.
      const late = await openConnection(held.hostPort);
      late.write('is anybody there?');
      await echo(kept, 'after');
      expect(late.bytesRead).toBe(0);
      late.destroy();
      kept.destroy();
    }
    const { waits } = await run.statistics();
    expect(await run.ask('/late/50')).toBe('late');
    expect((await run.statistics()).waits - waits).toBeLessThan(20);
  });

  test('and take their connections with them, no others', async () => {
    await using run = await startServer({ ports: [port] });
    const [{ fd }] = held.listeners as [HeldPort['listeners'][0]];
    const attach = (id: number): void => {
      run.channel.hand({ kind: 'listener', id, processPort: port }, fd);
      run.send({ type: 'attach', kind: 'listener' });
    };
    attach(8);
    const before = await openConnection(held.hostPort);
    await echo(before, 'by the first');
    run.send({ type: 'detach', id: 8, cut: false });
    attach(9);
    const own = await openConnection(port);
    const handed = await openConnection(held.hostPort);
    for (const socket of [own, handed]) await echo(socket, 'still there');
    run.send({ type: 'detach', id: 9, cut: true });
    await once(handed.resume(), 'end');
    // The second listener had the number of the first; what that has accepted goes on.
    for (const socket of [own, before]) await echo(socket, 'still there');
    for (const socket of [own, before, handed]) socket.destroy();
  });
});
