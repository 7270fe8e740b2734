/** Who listens first on a host port has it, whatever the other one's options: nothing is stolen, in neither direction. */
import { closeSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { holdHostPort } from '../../../src/network/host-listener.ts';
import {
  addressFamily,
  bindSocket,
  boundPort,
  listenSocket,
  openSocket,
  setSocketOption,
  SO_REUSEADDR,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../../../src/os/socket.ts';

/** asm-generic/socket.h */
const SO_REUSEPORT = 15;
const OPTIONS = [
  { what: 'no option', options: [] },
  { what: 'SO_REUSEADDR', options: [SO_REUSEADDR] },
  { what: 'SO_REUSEPORT', options: [SO_REUSEPORT] },
  { what: 'both options', options: [SO_REUSEADDR, SO_REUSEPORT] },
];
/** The last one takes IPv4 connections too. */
const THEIR_ADDRESSES = ['127.0.0.1', '0.0.0.0', '::1', '::'];
const CASES = THEIR_ADDRESSES.flatMap((address) => OPTIONS.map((each) => ({ address, ...each })));
const LOCALHOST = ['127.0.0.1', '::1'];

/** What we may hold that an address collides with: a port of the other family is another port. */
const inTheWayOf = (address: string): string[][] =>
  [LOCALHOST, ['0.0.0.0'], ['::'], ['0.0.0.0', '::']].filter(
    (held) => address === '::' || held.some((other) => addressFamily(other) === addressFamily(address)),
  );

/** Somebody else's socket, of the same user: SO_REUSEPORT asks for that. */
const bindElsewhere = (address: string, port: number, options: readonly number[]): number => {
  const fd = openSocket(addressFamily(address), SOCK_STREAM);
  onTestFinished(() => closeSync(fd));
  for (const option of options) setSocketOption(fd, SOL_SOCKET, option, 1);
  bindSocket(fd, address, port);
  return fd;
};

const hold = (addresses: readonly string[], port: number): number => {
  const held = holdHostPort({ addresses, port });
  onTestFinished(() => held[Symbol.asyncDispose]());
  return held.hostPort;
};

describe.each(CASES)('somebody on $address with $what', ({ address, options }) => {
  it('who listens already keeps the port', () => {
    const fd = bindElsewhere(address, 0, options);
    listenSocket(fd, 1);
    const port = boundPort(fd);
    const inTheWay = [LOCALHOST, [address], [address.includes(':') ? '::' : '0.0.0.0']];
    for (const addresses of inTheWay)
      expect(() => hold(addresses, port), addresses.join()).toThrow(
        `host port ${port} is already in use by node (pid ${process.pid})`,
      );
  });

  it.each(inTheWayOf(address))('cannot listen on what is held on %s', (...addresses) => {
    const port = hold(addresses, 0);
    expect(() => listenSocket(bindElsewhere(address, port, options), 1)).toThrow('EADDRINUSE');
  });

  it('who has bound it, but does not listen yet, never listens beside us', () => {
    const fd = bindElsewhere(address, 0, options);
    const port = boundPort(fd);
    let isOurs = true;
    try {
      hold(LOCALHOST, port);
    } catch (error) {
      isOurs = false;
      expect(error).toMatchObject({ code: 'PORT_IN_USE' });
    }
    if (isOurs) expect(() => listenSocket(fd, 1)).toThrow('EADDRINUSE');
    else expect(() => listenSocket(fd, 1)).not.toThrow();
  });
});
