/** What goes wrong between engine and guest. */

/** An exception of the guest, as text: the guest reports its own errors, so this is a fault of ours. */
export class GuestError extends Error {
  override readonly name = 'GuestError';
}

/** Thrown by a function of the engine that has put what the guest is to catch where its result goes. */
export class ThrownByGuest extends Error {}

/** QuickJS has thrown something, which the guest will catch: most likely that its memory is used up. */
export class PendingError extends Error {
  override readonly name = 'PendingError';
}

/** There is no room in the guest's memory. */
export class GuestMemoryError extends RangeError {
  override readonly name = 'GuestMemoryError';
}

/** Whether the guest could not go on for want of memory. */
export const isOutOfMemory = (error: unknown): boolean =>
  error instanceof GuestMemoryError ||
  error instanceof PendingError ||
  (error instanceof GuestError && error.message.includes('out of memory'));
