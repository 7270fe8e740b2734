/** What an interpreter is run with that is not to reach anything but its files: no network, nobody to wait for. */
import { Descriptor, FILETYPE } from '../../../src/engine/descriptor.ts';
import type { EngineServices } from '../../../src/engine/driver.ts';
import { WASI } from '../../../src/engine/errno.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';

/** @param onAttempt - told when the guest asks for a socket or a name all the same */
export const isolatedServices = (
  events: Pick<EngineServices['events'], 'wait' | 'isHostDue' | 'hostTurn'>,
  env: Readonly<Record<string, string>>,
  onAttempt: () => void,
): EngineServices => {
  const services = {
    events,
    env,
    control: { onStop: () => {} },
    openSocket: () => {
      onAttempt();
      return -WASI.EACCES;
    },
    broker: { startResolve: onAttempt },
  };
  // Only who has a socket asks for the rest.
  return services as unknown as EngineServices;
};

/** A standard stream that leads nowhere else: at its end for who reads. */
export class IsolatedStream extends Descriptor {
  override readonly filetype = FILETYPE.unknown;
  readonly #onOutput: (bytes: Buffer) => void;

  constructor(onOutput: (bytes: Buffer) => void) {
    super();
    this.#onOutput = onOutput;
  }

  override read(): number {
    return 0;
  }

  override write(memory: GuestMemory): number {
    for (let index = 0; index < memory.iovCount; index += 1) {
      this.#onOutput(Buffer.from(memory.slice(memory.iovPointers[index]!, memory.iovLengths[index]!)));
    }
    return memory.iovTotal;
  }
}

/** Nothing will ever happen: threads that run, and times that pass. */
export const noEvents = {
  isHostDue: false,
  hostTurn: () => Promise.resolve(),
  wait: (ms: number): void => {
    if (ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  },
};
