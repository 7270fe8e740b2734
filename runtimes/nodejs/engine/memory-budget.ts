/** What the engine may hold for a guest at once: bytes that wait to be sent, heads of messages that are not whole. */
export class MemoryBudget {
  #left: number;

  /** @param size - bytes */
  constructor(size: number) {
    this.#left = size;
  }

  /** Whether there was room for so many bytes; then they are taken. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}
