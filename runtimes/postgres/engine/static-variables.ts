/**
 * Where the module keeps what the engine looks at or sets and that it does not export: addresses in the only version of it
 * that there is (rewrite/host-process.ts), read from the functions named here.
 */

/** Where `__stack_pointer` begins; the stack grows down from here. */
export const STACK_TOP = 11_363_120;

/** Where the C library's own memory begins, and where it keeps how far that goes (sbrk(2)). What C declares ends below. */
export const HEAP = { start: STACK_TOP, end: 2_775_592 } as const;
export const DATA_END = 2_974_512;

/** A user's name, at most NAMEDATALEN - 1 bytes and a zero: nothing of C lies below 1024. See rewrite/host-process.ts. */
export const USER_NAME = { address: 512, size: 64 } as const;

/** The four bytes that a request to cancel has to name (54.7, "BackendKeyData"); as above. */
export const CANCEL_KEY = { address: 576, size: 4 } as const;

/** src/backend/storage/ipc/ipc.c, `before_shmem_exit_index` and so on: how many functions are called at the end. */
export const EXIT_INDEXES = [2_797_184, 2_797_360, 2_797_536] as const;

/** After so many looks for interrupts others may go on, a number of 32 bits below all of C's. See rewrite/preemption.ts. */
export const COUNTDOWN = 640;

/** `InterruptPending` where there is none: neither 0, which would not be looked into, nor 1, which PostgreSQL sets. */
export const NOT_INTERRUPTED = 2;

/** src/common/encnames.c, `pg_enc2name_tbl` (check_encoding_conversion_args() reads it). */
export const ENCODING_NAMES = 2_729_504;
/** src/common/wchar.c, `pg_wchar_table` (pg_encoding_max_length() reads it). */
export const ENCODING_FUNCTIONS = 2_731_280;
