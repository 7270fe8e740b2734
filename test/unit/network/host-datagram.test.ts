import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { holdDatagramPort } from '../../../src/network/host-datagram.ts';
import { holdHostPort, type HostPortRequest } from '../../../src/network/host-listener.ts';
import { boundPort } from '../../../src/os/socket.ts';

const LOCALHOST = ['127.0.0.1', '::1'];

const hold = (request: HostPortRequest) => {
  const held = holdDatagramPort(request);
  onTestFinished(async () => held[Symbol.asyncDispose]());
  return held;
};

describe('a held port of UDP', () => {
  it('is the same on every address, beside one of TCP with the same number', async () => {
    const held = hold({ addresses: LOCALHOST, port: 0 });
    expect(held.listeners.map(({ fd }) => boundPort(fd))).toEqual([held.hostPort, held.hostPort]);
    const listener = holdHostPort({ addresses: LOCALHOST, port: held.hostPort });
    expect(listener.hostPort).toBe(held.hostPort);
    await listener[Symbol.asyncDispose]();
  });

  it.each([
    ['udp4', '127.0.0.1'],
    ['udp4', '0.0.0.0'],
    ['udp6', '::1'],
    ['udp6', '::'],
  ] as const)('cannot be bound by others, by %s at %s with SO_REUSEADDR', async (type, address) => {
    const { hostPort } = hold({ addresses: LOCALHOST, port: 0 });
    const other = createSocket({ type, reuseAddr: true });
    onTestFinished(() => void other.close());
    const [error] = await once(other.bind(hostPort, address), 'error');
    expect(error).toMatchObject({ code: 'EADDRINUSE' });
  });

  it('is chosen by the kernel without ever giving one twice', () => {
    const request = { addresses: LOCALHOST, port: 0 };
    const ports = Array.from({ length: 60 }, () => hold(request).hostPort);
    expect(new Set(ports).size).toBe(60);
  });

  it.each([
    ['udp4', '127.0.0.1'],
    ['udp4', '0.0.0.0'],
    ['udp6', '::1'],
    ['udp6', '::'],
  ] as const)('is refused with its owner, who has it by %s at %s', async (type, address) => {
    const owner = createSocket({ type, reuseAddr: true });
    onTestFinished(() => void owner.close());
    await once(owner.bind(0, address), 'listening');
    const { port } = owner.address();
    // Nobody listens on the port of TCP with that number: it is not looked at.
    expect(() => holdDatagramPort({ addresses: LOCALHOST, port, processPort: 53 })).toThrow(
      expect.objectContaining({
        code: 'PORT_IN_USE',
        message: expect.stringMatching(
          new RegExp(`^host port ${port}/udp is already in use by .+ \\(pid ${process.pid}\\)$`),
        ),
        hint: expect.stringMatching(/--forward \d+:53\/udp.*--forward 53\/udp/),
      }),
    );
  });

  it('is refused with its owner where that is connected', async () => {
    const owner = createSocket('udp4');
    onTestFinished(() => void owner.close());
    await once(owner.bind(0, '127.0.0.1'), 'listening');
    owner.connect(9, '127.0.0.1');
    await once(owner, 'connect');
    const { port } = owner.address();
    expect(() => holdDatagramPort({ addresses: ['127.0.0.1'], port })).toThrow(`(pid ${process.pid})`);
  });
});

describe('a port of UDP that was held', () => {
  it('is free again once disposed, and disposing twice does no harm', async () => {
    const held = holdDatagramPort({ addresses: LOCALHOST, port: 0 });
    await held[Symbol.asyncDispose]();
    expect(hold({ addresses: LOCALHOST, port: held.hostPort }).hostPort).toBe(held.hostPort);
    await held[Symbol.asyncDispose]();
  });

  it('leaves no socket behind where another address is taken', async () => {
    const owner = createSocket('udp6');
    onTestFinished(() => void owner.close());
    await once(owner.bind(0, '::1'), 'listening');
    const { port } = owner.address();
    expect(() => holdDatagramPort({ addresses: LOCALHOST, port })).toThrow('already in use');
    expect(hold({ addresses: ['127.0.0.1'], port }).hostPort).toBe(port);
  });
});
