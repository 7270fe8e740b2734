/**
 * Objects of the engine's own Node that work for the guest (hashes, keys, compressors): the guest knows them by
 * number only, and what they may take of the engine's memory is bounded.
 */

/** Bytes that an object is counted as besides what it was made of: about what OpenSSL's contexts take. */
const OBJECT_SIZE = 1024;

interface NativeObject {
  readonly className: string;
  readonly object: object;
  size: number;
  /** How many others need it, though the guest may have forgotten it. */
  users: number;
}

/** The guest asks for more of the engine's memory than there is for it. */
export class NativeMemoryError extends RangeError {
  readonly code = 'ERR_MEMORY_ALLOCATION_FAILED';

  constructor() {
    super('The memory of a sandbox of wasmrun for crypto and zlib is exhausted');
  }
}

export class NativeObjects {
  readonly #objects = new Map<number, NativeObject>();
  readonly #limit: number;
  #next = 1;
  #size = 0;

  /** @param limit - bytes of the engine's memory that all objects together may take */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @param bytes - what an object takes beside the usual */
  hasRoomFor(bytes: number): boolean {
    return bytes + OBJECT_SIZE <= this.#limit - this.#size;
  }

  /** Throws {@link NativeMemoryError} where there is no room for an object. */
  reserve(bytes: number): void {
    if (!this.hasRoomFor(bytes)) throw new NativeMemoryError();
  }

  /** Numbers are never given twice, so that one that was freed is nobody else's. */
  add(className: string, object: object, bytes = 0): number {
    const size = bytes + OBJECT_SIZE;
    const number = this.#next;
    this.#next += 1;
    this.#objects.set(number, { className, object, size, users: 0 });
    this.#size += size;
    return number;
  }

  /**
   * Counts an object anew.
   * @param bytes - what it takes beside the usual
   * @returns false where it has grown and there is no room for that
   */
  resize(number: number, bytes: number): boolean {
    const found = this.#objects.get(number);
    const growth = bytes + OBJECT_SIZE - (found?.size ?? 0);
    if (found === undefined || this.#size + growth > this.#limit) return false;
    found.size += growth;
    this.#size += growth;
    return true;
  }

  /** The object with the number, if it is one of the class. */
  find(number: unknown, className: string): object | undefined {
    const found = this.#objects.get(number as number);
    return found?.className === className ? found.object : undefined;
  }

  /** The object and what it is. Throws a TypeError where there is none. */
  get(number: unknown): NativeObject {
    const found = this.#objects.get(number as number);
    if (found === undefined) throw new TypeError('Illegal invocation');
    return found;
  }

  /** Counts an object as so many bytes larger. Throws {@link NativeMemoryError}. */
  grow(number: number, bytes: number): void {
    if (!this.resize(number, this.get(number).size - OBJECT_SIZE + bytes)) throw new NativeMemoryError();
  }

  /** Keeps an object from being closed, also when the guest has forgotten it, until the result is disposed of. */
  retain(number: number): Disposable {
    const found = this.get(number);
    found.users += 1;
    return {
      [Symbol.dispose]: () => {
        found.users -= 1;
        if (this.#objects.get(number) !== found) close(found);
      },
    };
  }

  /** Forgets an object, and closes it if it can be closed. */
  delete(number: number): void {
    const found = this.#objects.get(number);
    if (found === undefined) return;
    this.#objects.delete(number);
    this.#size -= found.size;
    close(found);
  }
}

const close = ({ object, users }: NativeObject): void => {
  if (users === 0) (object as { close?(): void }).close?.();
};
