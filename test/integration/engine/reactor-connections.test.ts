/** Connections and names that a reactor asks for: it waits for none of them. */
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WASI } from '../../../src/engine/errno.ts';
import { MAX_REQUESTS } from '../../../src/engine/messages.ts';
import { eventually } from '../../helpers/cli.ts';
import { CrowdedListener } from '../../helpers/crowded-listener.ts';
import type { Request } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';
import { echo, openConnection, startServer } from '../../helpers/reactor.ts';

describe('a connection that a reactor opens', () => {
  const listen = async (server: Server): Promise<number> => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };

  test('is made, or refused by the other side or by the rules, and nobody waits for it', async () => {
    await using run = await startServer();
    const server = createServer((socket) => socket.end('welcome'));
    const open = await listen(server);
    const closed = await freePort();
    const answers = await Promise.all([
      ...Array.from({ length: 100 }, () => run.ask(`/connect/127.0.0.1:${open}`)),
      run.ask(`/connect/127.0.0.1:${closed}`),
      run.ask('/connect/203.0.113.1:80'),
      run.ask('/resolve/localhost'),
      run.ask('/resolve/example.com'),
    ]);
    server.close();
    const refused = String(WASI.ECONNREFUSED);
    expect(answers.slice(0, 100)).toEqual(Array.from({ length: 100 }, () => 'welcome'));
    expect(answers.slice(100)).toEqual([refused, refused, '127.0.0.1', 'unknown-name']);
    expect(run.refused.map(({ destination }) => destination).sort()).toEqual([
      '203.0.113.1:80',
      'example.com',
    ]);
  });

  test('that takes its time keeps nobody else waiting', async () => {
    await using run = await startServer();
    using crowded = new CrowdedListener();
    const first = await openConnection(crowded.port);
    const answer = run.ask(`/connect/127.0.0.1:${crowded.port}`);
    for (let round = 0; round < 10; round += 1) expect(await run.ask('/')).toBe('Hello');
    await crowded.greet(2, 'at last');
    expect(await answer).toBe('at last');
    first.destroy();
  });

  test('gets its answer in any order, and not more are under way than the supervisor takes', async () => {
    const requests: Request[] = [];
    await using run = await startServer({}, { onRequest: (message) => void requests.push(message) });
    const slow = run.ask('/resolve/slow.example');
    await eventually(() => requests.length === 1);
    const extra = 10;
    const wanted = MAX_REQUESTS - 1 + extra;
    const others = Array.from({ length: wanted }, (_, index) =>
      run.ask(`/connect/127.0.0.1:${1000 + index}`),
    );
    expect(await eventually(() => requests.length === MAX_REQUESTS)).toBe(true);
    await run.ask('/');
    expect(requests).toHaveLength(MAX_REQUESTS);
    // The last one first, and so on.
    const refuse = ({ id }: Request): void => run.channel.hand({ kind: 'reply', id, errno: 111 });
    const [name, ...connects] = requests;
    for (const each of connects.toReversed()) {
      closeSync(run.channel.take()!);
      refuse(each);
    }
    expect(await eventually(() => requests.length === MAX_REQUESTS + extra)).toBe(true);
    for (const each of requests.slice(MAX_REQUESTS)) {
      closeSync(run.channel.take()!);
      refuse(each);
    }
    expect(new Set(await Promise.all(others))).toEqual(new Set([String(WASI.ECONNREFUSED)]));
    run.channel.hand({ kind: 'reply', id: name!.id, errno: 0, addresses: ['192.0.2.7'] });
    expect(await slow).toBe('192.0.2.7');
  });

  test('that is not wanted any more disturbs nobody when its answer comes', async () => {
    const requests: Request[] = [];
    await using run = await startServer({}, { onRequest: (message) => void requests.push(message) });
    const server = createServer();
    const elsewhere = await listen(server);
    const descriptors = (): string[] =>
      readdirSync(`/proc/${run.process.pid}/fd`).map((fd) => {
        const target = readlinkSync(`/proc/${run.process.pid}/fd/${fd}`);
        return target.startsWith('socket:') ? `${fd} ${target}` : fd;
      });
    expect(await run.ask('/give-up/127.0.0.1:9')).toBe('0');
    expect(await eventually(() => requests.length === 1)).toBe(true);
    closeSync(run.channel.take()!);
    // Has the number of the socket that was given up.
    const client = await openConnection(run.port);
    await echo(client, 'before');
    const before = descriptors();
    const socket = connect(elsewhere, '127.0.0.1');
    await once(socket, 'connect');
    const fd = openSync('/dev/null', 'r');
    run.channel.hand({ kind: 'reply', id: requests[0]!.id, errno: 0 }, fd);
    closeSync(fd);
    await echo(client, 'after');
    expect(descriptors()).toEqual(before);
    for (const each of [client, socket]) each.destroy();
    server.close();
  });
});
