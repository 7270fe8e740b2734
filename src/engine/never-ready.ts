/** What is polled in the place of sockets that nothing is to be taken from any more. */
import * as libc from './libc.ts';
import { AF_INET } from './socket-address.ts';
import { SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from './sockets.ts';

let unbound: number | undefined;

/** A descriptor that no poll for reading finds ready: nobody can send to a socket without a port. */
export const neverReady = (): number =>
  (unbound ??= libc.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
