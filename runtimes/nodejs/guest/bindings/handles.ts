/** Handles of libuv as the library sees them: what is open, and what keeps the app alive (handle_wrap.cc). */
import { AsyncWrap } from '../async-context.ts';
import { symbols } from '../constants.ts';
import { host } from '../host.ts';
import { defer } from './timers.ts';

const ON_CLOSE = symbols['handle_onclose']!;

/** Open handles by the number the engine knows them by. */
const handles = new Map<number, Handle>();

export const handleOf = (id: number): Handle | undefined => handles.get(id);

/** Those that keep the app alive. */
export const activeHandles = (): readonly Handle[] => [...handles.values()].filter((each) => each.hasRef());

export class Handle extends AsyncWrap {
  /** As `process.getActiveResourcesInfo` tells it. */
  get resourceName(): string {
    return `${this.constructor.name}Wrap`;
  }

  /** The engine's number for it; 0 while the engine knows nothing of it. */
  id = 0;
  #isRef = true;
  #isClosed = false;

  /** From now on the engine calls this handle by its number. */
  adopt(id: number): void {
    this.id = id;
    handles.set(id, this);
    if (!this.#isRef) host.handleRef(id, false);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  ref(): void {
    this.#setRef(true);
  }

  unref(): void {
    this.#setRef(false);
  }

  hasRef(): boolean {
    return this.#isRef && !this.#isClosed;
  }

  #setRef(isRef: boolean): void {
    this.#isRef = isRef;
    if (this.id !== 0) host.handleRef(this.id, isRef);
  }

  close(callback?: () => void): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (typeof callback === 'function') this[ON_CLOSE] = callback;
    this.release();
    if (this.id !== 0) {
      handles.delete(this.id);
      host.handleClose(this.id);
    }
    defer(() => {
      const onClose = this[ON_CLOSE];
      if (typeof onClose === 'function') this.makeCallback(onClose as () => void);
    });
  }

  /** What has to be given up before the engine closes it. */
  protected release(): void {}
}

/** A request of the library's that the engine will answer. */
export class Request extends AsyncWrap {}
