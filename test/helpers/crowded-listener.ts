/** A listener that accepts nobody until it is told to: connecting to it takes its time. */
import { closeSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as libc from '../../src/engine/libc.ts';
import { kernelPorts } from '../../src/engine/ports.ts';
import { AF_INET, ipv4Bytes } from '../../src/engine/socket-address.ts';
import type { SocketAddress } from '../../src/engine/socket-address.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../../src/engine/sockets.ts';

export class CrowdedListener implements Disposable {
  readonly port: number;
  readonly #fd: number;
  readonly #accepted: number[] = [];

  constructor() {
    this.#fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    kernelPorts.bind(this.#fd, { ip: ipv4Bytes('127.0.0.1'), port: 0 });
    // Room for one; the kernel drops whoever knocks after that, and they knock again (listen(2)).
    kernelPorts.listen(this.#fd, 0);
    this.port = (kernelPorts.localAddress(this.#fd) as SocketAddress).port;
  }

  /** Accepts and greets so many. */
  async greet(count: number, greeting: string): Promise<void> {
    while (this.#accepted.length < count) {
      const connection = libc.accept4(this.#fd, null, null, SOCK_CLOEXEC);
      if (connection < 0) await sleep(10);
      else {
        this.#accepted.push(connection);
        writeSync(connection, greeting);
      }
    }
  }

  [Symbol.dispose](): void {
    for (const fd of [this.#fd, ...this.#accepted]) closeSync(fd);
  }
}
