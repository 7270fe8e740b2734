/** What terminals and pipes have in common. */
import { host } from '../host.ts';
import { Stream } from './streams.ts';

/** One of the three standard streams. */
export class StandardStream extends Stream {
  #fd: number;

  constructor(type: string, fd: number) {
    super(type);
    this.#fd = fd;
    if (fd >= 0) this.adopt(host.openStandardStream(fd));
  }

  override get fd(): number {
    return this.#fd;
  }

  open(fd: number): number {
    this.#fd = fd;
    const id = host.openStandardStream(fd);
    if (id < 0) return id;
    this.adopt(id);
    return 0;
  }

  setBlocking(): number {
    return 0;
  }
}
