/** Starts the send thread, while the engine may still read its program. */
import type { Worker } from 'node:worker_threads';
import { WasmrunError } from '../../errors.ts';
import { check, libc } from '../../os/libc.ts';
import { packageProgram } from '../../os/package-file.ts';
import { SHARED_SIZE, WORD } from './layout.ts';
import type { SendThreadData } from './layout.ts';
import { SendLanes } from './send-lanes.ts';

const eventfd: (value: number, flags: number) => number = libc.func('int eventfd(unsigned int, int)');

/** sys/eventfd.h */
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** It keeps nothing on its heap, in MB. */
const HEAP = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 };
/** How long it may take to start, in ms. */
const START_MS = 30_000;

const newEvent = (): number => check('eventfd', eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

export class SendThread {
  readonly lanes: SendLanes;
  readonly #words: Int32Array;
  readonly #worker: Worker;

  /** Begins to start it. */
  constructor() {
    const shared = new SharedArrayBuffer(SHARED_SIZE);
    const workerData: SendThreadData = { shared, wakeFd: newEvent(), roomFd: newEvent() };
    const program = packageProgram('src/engine/send-thread/main.ts', 'dist/engine/send-thread/main.cjs');
    // Whoever has no such thread does not load what makes one.
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    this.#worker = new Worker(program, { workerData, resourceLimits: HEAP, env: {}, execArgv: [] });
    this.#worker.unref();
    this.#words = new Int32Array(shared);
    this.lanes = new SendLanes(workerData);
  }

  /**
   * Blocks until it runs: from then on it needs no right but to send.
   * @throws {WasmrunError} ENGINE_FAILED
   */
  awaitReady(): void {
    if (Atomics.wait(this.#words, WORD.ready, 0, START_MS) !== 'timed-out') return;
    throw new WasmrunError('ENGINE_FAILED', 'the send thread does not start');
  }

  /** Ends it, where the process goes on without. */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
