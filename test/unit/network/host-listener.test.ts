import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { holdHostPort, type HostPortRequest } from '../../../src/network/host-listener.ts';
import {
  AF_INET,
  bindSocket,
  boundPort,
  listenSocket,
  openSocket,
  setSocketOption,
  SO_REUSEADDR,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../../../src/os/socket.ts';

const LOCALHOST = ['127.0.0.1', '::1'];

const hold = (request: HostPortRequest) => {
  const held = holdHostPort(request);
  onTestFinished(async () => held[Symbol.asyncDispose]());
  return held;
};

/** A Node server of this process, which sets SO_REUSEADDR as every libuv server does. */
const listenHere = async (host: string, port = 0): Promise<{ server: Server; port: number }> => {
  const server = createServer((socket) => socket.end('bye')).listen({ host, port });
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, port: address.port };
};

const socketWithReuse = (port = 0): number => {
  const fd = openSocket(AF_INET, SOCK_STREAM);
  onTestFinished(() => closeSync(fd));
  setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  bindSocket(fd, '127.0.0.1', port);
  return fd;
};

describe('a held host port', () => {
  it('is the same on every address, and completes connections though nobody accepts yet', async () => {
    const held = hold({ addresses: LOCALHOST, port: 0 });
    expect(held.listeners.map(({ address }) => address)).toEqual(LOCALHOST);
    for (const host of LOCALHOST) {
      const client = connect({ host, port: held.hostPort });
      await once(client, 'connect');
      client.destroy();
    }
  });

  it('is inherited on request only, and never blocks', () => {
    const [listener] = hold({ addresses: ['127.0.0.1'], port: 0 }).listeners;
    const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${listener?.fd}`, 'utf8'));
    // O_CLOEXEC and O_NONBLOCK, in octal
    expect(Number.parseInt(flags?.[1] ?? '', 8) & 0o2004000).toBe(0o2004000);
  });

  it.each(['127.0.0.1', '0.0.0.0', '::'])('cannot be listened on by others at %s', async (host) => {
    const { hostPort } = hold({ addresses: LOCALHOST, port: 0 });
    const [error] = await once(createServer().listen({ host, port: hostPort }), 'error');
    expect(error).toMatchObject({ code: 'EADDRINUSE' });
  });

  it('is free again once disposed, and disposing twice closes no descriptor of others', async () => {
    const held = holdHostPort({ addresses: LOCALHOST, port: 0 });
    await held[Symbol.asyncDispose]();
    const again = hold({ addresses: LOCALHOST, port: held.hostPort });
    expect(again.listeners.map(({ fd }) => fd)).toEqual(held.listeners.map(({ fd }) => fd));
    await held[Symbol.asyncDispose]();
    const client = connect({ host: '127.0.0.1', port: again.hostPort });
    await once(client, 'connect');
    client.destroy();
  });

  it('can be had while connections of an earlier holder are in TIME_WAIT', async () => {
    const { server, port } = await listenHere('127.0.0.1');
    const client = connect({ host: '127.0.0.1', port });
    await once(client.resume(), 'close'); // the server closed first
    server.close();
    await once(server, 'close');
    expect(hold({ addresses: ['127.0.0.1'], port }).hostPort).toBe(port);
  });

  it('is chosen by the kernel without ever giving one twice', () => {
    const ports = Array.from({ length: 60 }, () => hold({ addresses: LOCALHOST, port: 0 }).hostPort);
    expect(new Set(ports).size).toBe(60);
  });
});

describe('a host port in use', () => {
  it('is refused with the name and pid of its owner, and what to do', async () => {
    const code =
      'const s=require("net").createServer().listen(0,"127.0.0.1",()=>console.log(s.address().port))';
    const owner = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void owner.kill());
    const [line] = await once(owner.stdout, 'data');
    const port = Number(line);
    expect(() => holdHostPort({ addresses: LOCALHOST, port, processPort: 3000 })).toThrow(
      expect.objectContaining({
        code: 'PORT_IN_USE',
        message: `host port ${port} is already in use by node (pid ${owner.pid})`,
        hint: `choose another (--forward ${port + 1}:3000) or let wasmrun choose one (--forward 3000)`,
      }),
    );
  });

  it.each(['127.0.0.1', '0.0.0.0', '::', '::1'])('is noticed when its owner listens on %s', async (host) => {
    const { port } = await listenHere(host);
    expect(() => holdHostPort({ addresses: LOCALHOST, port })).toThrow(`(pid ${process.pid})`);
  });

  it('is noticed when a wildcard is asked for and its owner listens on one address', async () => {
    const { port } = await listenHere('127.0.0.1');
    expect(() => holdHostPort({ addresses: ['0.0.0.0'], port })).toThrow(`(pid ${process.pid})`);
  });

  it('leaves no listener behind on the other addresses', async () => {
    const { port } = await listenHere('::1');
    expect(() => holdHostPort({ addresses: LOCALHOST, port })).toThrow('already in use');
    expect(hold({ addresses: ['127.0.0.1'], port }).hostPort).toBe(port);
  });

  it('is ours when another has only bound it: who listens first wins', () => {
    const other = socketWithReuse();
    const port = boundPort(other);
    hold({ addresses: ['127.0.0.1'], port });
    expect(() => listenSocket(other, 1)).toThrow('EADDRINUSE');
  });

  it('is refused without a name when another has bound it for itself alone', () => {
    const fd = openSocket(AF_INET, SOCK_STREAM);
    onTestFinished(() => closeSync(fd));
    bindSocket(fd, '127.0.0.1', 0);
    const port = boundPort(fd);
    expect(() => holdHostPort({ addresses: ['127.0.0.1'], port })).toThrow(
      `host port ${port} is already in use by another process`,
    );
  });
});

describe('an address this host does not have', () => {
  // TEST-NET-3, RFC 5737
  const absent = '203.0.113.7';

  it('is an error', () => {
    expect(() => holdHostPort({ addresses: [absent], port: 0 })).toThrow(
      expect.objectContaining({
        code: 'BIND_FAILED',
        message: expect.stringContaining(`no address ${absent}`),
      }),
    );
  });

  it('is left out where that is allowed', () => {
    const held = hold({ addresses: [absent, '127.0.0.1'], port: 0, skipUnavailable: [absent] });
    expect(held.listeners.map(({ address }) => address)).toEqual(['127.0.0.1']);
    expect(held.hostPort).toBeGreaterThan(0);
  });

  it('is an error where nothing else is left', () => {
    expect(() => holdHostPort({ addresses: [absent], port: 0, skipUnavailable: [absent] })).toThrow(
      expect.objectContaining({ code: 'BIND_FAILED' }),
    );
  });
});
