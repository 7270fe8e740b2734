/** Jobs of crypto that threads of libuv's pool work at, while the guest goes on. */
import { NativeMemoryError } from './native-objects.ts';
import type { NativeObjects } from './native-objects.ts';

/** A job of Node's crypto binding in its asynchronous mode; it has its arguments copied. */
export interface NativeJob {
  ondone?: (error: unknown, result: unknown) => void;
  /** Error and result, of one that is not asynchronous. */
  run(): unknown;
}

/** Whom the jobs concern besides. */
export interface BackgroundHost {
  /** Something is under way until it is disposed of: the app must not end, and the loop has to look for it. */
  hold(): Disposable;
  /** A job has ended; the guest is not running. */
  done(number: number, error: unknown, result: unknown): void;
}

interface Waiting {
  readonly number: number;
  readonly job: NativeJob;
  readonly memory: number;
  readonly hold: Disposable;
}

export class BackgroundJobs {
  readonly #objects: NativeObjects;
  readonly #host: BackgroundHost;
  /** Those there is no memory for yet; the first to come is the first to go. */
  readonly #waiting: Waiting[] = [];
  #running = 0;

  constructor(objects: NativeObjects, host: BackgroundHost) {
    this.#objects = objects;
    this.#host = host;
  }

  /**
   * Throws {@link NativeMemoryError} where no other job could make room.
   * @param number - by which the guest knows it
   * @param memory - bytes it takes while it runs
   */
  start(number: number, job: NativeJob, memory: number): void {
    if (this.#running === 0) this.#objects.reserve(memory);
    this.#waiting.push({ number, job, memory, hold: this.#host.hold() });
    this.#runWaiting();
  }

  #runWaiting(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || !this.#objects.hasRoomFor(next.memory)) break;
      this.#waiting.shift();
      this.#run(next);
    }
    if (this.#running > 0) return;
    // Nothing ends any more that could make room.
    for (const { number, hold } of this.#waiting.splice(0)) {
      hold[Symbol.dispose]();
      this.#host.done(number, new NativeMemoryError(), undefined);
    }
  }

  #run({ number, job, memory, hold }: Waiting): void {
    const counted = this.#objects.add('Job', job, memory);
    this.#running += 1;
    job.ondone = (error, result) => {
      this.#objects.delete(counted);
      this.#running -= 1;
      hold[Symbol.dispose]();
      this.#runWaiting();
      this.#host.done(number, error, result);
    };
    job.run();
  }
}
