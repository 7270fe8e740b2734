/** `StatWatcher` of `internalBinding('fs')`, which looks again and again, and `internalBinding('fs_event_wrap')`. */
import { AsyncWrap } from '../async-context.ts';
import type { Binding } from '../binding-shape.ts';
import type { FilePath } from '../file-host.ts';
import { host } from '../host.ts';
import { ERRNO } from '../errno.ts';
import { bytesOf } from './buffer.ts';
import { callBack } from './file-request.ts';
import { STAT_FIELDS } from './file-status.ts';
import { lazily } from './util.ts';

type Values = Float64Array | BigInt64Array;

/** node_file.h, FsStatsOffset: when it was last read says nothing of a change. */
const ACCESS_TIME = new Set([10, 11]);

/** uv_fs_poll_t: tells of a file that has changed between two looks at it. */
export class StatWatcher extends AsyncWrap {
  declare onchange: (status: number, values: Values) => void;
  readonly #isBigInt: boolean;
  #timer: NodeJS.Timeout | undefined;
  #path: FilePath = '';
  #last: Values;
  /** What the last look came to: an error number, 0, or nothing yet. */
  #status: number | undefined;
  #isRef = true;

  constructor(isBigInt: boolean) {
    super('STATWATCHER');
    this.#isBigInt = isBigInt;
    this.#last = this.#newValues();
  }

  start(path: FilePath, interval: number): number {
    this.#path = path;
    const { setInterval } = lazily.requireLibrary!('timers') as unknown as typeof import('node:timers');
    this.#timer = setInterval(() => this.#look(), interval);
    if (!this.#isRef) this.#timer.unref();
    this.#look();
    return 0;
  }

  close(): void {
    const { clearInterval } = lazily.requireLibrary!('timers') as unknown as typeof import('node:timers');
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  ref(): void {
    this.#isRef = true;
    this.#timer?.ref();
  }

  unref(): void {
    this.#isRef = false;
    this.#timer?.unref();
  }

  hasRef(): boolean {
    return this.#isRef && this.#timer !== undefined;
  }

  #newValues(): Values {
    return this.#isBigInt ? new BigInt64Array(STAT_FIELDS) : new Float64Array(STAT_FIELDS);
  }

  #look(): void {
    const now = this.#newValues();
    const result = host.statPath(this.#path, true, this.#isBigInt, bytesOf(now));
    const before = this.#last;
    const status = this.#status;
    this.#status = result;
    if (result < 0) {
      // Of what is missing there is nothing to compare; it is told once.
      if (status !== result) this.#tell(result, this.#newValues(), before);
      return;
    }
    this.#last = now;
    if (status !== undefined && (status < 0 || hasChanged(before, now))) this.#tell(0, now, before);
  }

  #tell(status: number, now: Values, before: Values): void {
    const values = this.#isBigInt ? new BigInt64Array(2 * STAT_FIELDS) : new Float64Array(2 * STAT_FIELDS);
    values.set(now as never);
    values.set(before as never, STAT_FIELDS);
    callBack(this, () => {
      if (this.#timer !== undefined) this.onchange(status, values);
    });
  }
}

const hasChanged = (before: Values, now: Values): boolean =>
  before.some((value, index) => value !== now[index] && !ACCESS_TIME.has(index));

/** fs.watch needs the kernel to tell of changes, which takes paths of the host. */
class FSEvent extends AsyncWrap {
  readonly initialized = false;

  constructor() {
    super('FSEVENTWRAP');
  }

  start(): number {
    return ERRNO.ENOSYS;
  }

  close(): void {}
  ref(): void {}
  unref(): void {}

  hasRef(): boolean {
    return false;
  }
}

export const createFileEvents = (): Binding => ({ FSEvent });
