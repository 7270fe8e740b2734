/** Standard error of a backend: passed on, and what was last said before its end is kept for its client. */
import { Descriptor, FILETYPE } from '../../../src/engine/descriptor.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { FatalError } from './startup-message.ts';

/** As `log_line_prefix` has it: {@link LOG_PREFIX}. */
const FATAL = /^\S+ \S+ \S+ \[\d+\] ([0-9A-Z]{5}) FATAL: {2}(.*)$/m;
/** pglite says so of the System V segment that an earlier backend names in postmaster.pid: there are none. */
const OF_NO_INTEREST = /^pglitec: shmctl: /;
/** Time, process, SQLSTATE (PostgreSQL 18 documentation, 19.8.3). */
export const LOG_PREFIX = '%m [%p] %e ';

export class LogStream extends Descriptor {
  override readonly filetype = FILETYPE.unknown;
  readonly #target: Descriptor;
  #fatal: FatalError | undefined;
  #isSilent = false;

  constructor(target: Descriptor) {
    super();
    this.#target = target;
  }

  /** Why the backend has refused to go on. */
  get fatalError(): FatalError | undefined {
    return this.#fatal;
  }

  /** Does something, of which nothing is passed on. */
  silently(action: () => void): void {
    this.#isSilent = true;
    try {
      action();
    } finally {
      this.#isSilent = false;
    }
  }

  override write(memory: GuestMemory): number {
    if (this.#isSilent) return memory.iovTotal;
    let text = '';
    for (let index = 0; index < memory.iovCount; index += 1) {
      text += Buffer.from(memory.slice(memory.iovPointers[index]!, memory.iovLengths[index]!)).toString();
    }
    const [, code, message] = FATAL.exec(text) ?? [];
    if (code !== undefined && message !== undefined) this.#fatal = { code, message };
    return OF_NO_INTEREST.test(text) ? memory.iovTotal : this.#target.write(memory);
  }

  protected override closeHost(): number {
    return 0;
  }
}

/** Standard input and output: PostgreSQL takes its commands from clients, and what it prints is for terminals. */
export class Nowhere extends Descriptor {
  override readonly filetype = FILETYPE.unknown;

  override read(): number {
    return 0;
  }

  override write(memory: GuestMemory): number {
    return memory.iovTotal;
  }
}
