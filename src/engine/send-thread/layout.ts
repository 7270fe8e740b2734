/**
 * What the engine and its send thread share: a few words, and a lane for each socket, a ring of bytes that the engine fills
 * and the thread empties.
 */

/** Sockets that can be sent to at once; others are sent to by the engine itself. */
export const LANES = 128;
/** Of a lane's ring, in bytes: a power of two, so that its counters may overflow. */
export const LANE_SIZE = 65_536;

/** Words of 32 bits. */
export const WORD = {
  /** Does the thread have to be woken? {@link BELL} */
  bell: 0,
  /** Lanes from here on were never used. */
  used: 1,
  /** 1 from when the thread sends. */
  ready: 2,
  /** Never changes: for who waits for nothing but time. */
  still: 3,
} as const;

export const BELL = {
  /** It looks for itself. */
  awake: 0,
  /** It waits for this word to change. */
  dozing: 1,
  /** It waits for descriptors, one of which is there to wake it. */
  polling: 2,
  /** It has found nothing to do, and looks once more before it waits: it need not be woken, but is to be told. */
  drowsy: 3,
} as const;

/** Words of a lane. */
export const LANE = {
  /** {@link LANE_STATE} */
  state: 0,
  /** The socket's descriptor. */
  fd: 1,
  /** Bytes that were ever written to the ring, modulo 2^32. */
  written: 2,
  /** Bytes that were ever taken from it, modulo 2^32. */
  sent: 3,
  /** errno of Linux: nothing is sent any more. */
  error: 4,
  /** 1 where the engine wants to be told when there is room. */
  wanted: 5,
} as const;

export const LANE_STATE = {
  free: 0,
  open: 1,
  /** The engine is done with it: when all is sent, the thread closes its descriptor, and it is free. */
  closing: 2,
} as const;

/** A cache line each, so that sockets do not slow each other down. */
const WORDS_PER_LANE = 16;
const FIRST_LANE = 16;
const RINGS = 4 * (FIRST_LANE + WORDS_PER_LANE * LANES);

export const SHARED_SIZE = RINGS + LANES * LANE_SIZE;

/** Place of a lane's first word. */
export const wordsOf = (lane: number): number => FIRST_LANE + WORDS_PER_LANE * lane;

/** Where a lane's ring begins, in bytes. */
export const ringOf = (lane: number): number => RINGS + LANE_SIZE * lane;

/** What the thread is given. */
export interface SendThreadData {
  /** Of {@link SHARED_SIZE}. */
  readonly shared: SharedArrayBuffer;
  /** eventfd(2): wakes the thread where it waits for descriptors. */
  readonly wakeFd: number;
  /** eventfd(2): tells the engine that a lane has room. */
  readonly roomFd: number;
}
