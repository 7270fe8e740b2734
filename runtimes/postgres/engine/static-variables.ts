/**
 * Where the module keeps what the engine looks at or sets and that it does not export: addresses in the only version of it
 * that there is (rewrite/host-process.ts), read from the functions named here.
 */

/** Where `__stack_pointer` begins; the stack grows down from here. */
export const STACK_TOP = 11_363_120;

/** A user's name, at most NAMEDATALEN - 1 bytes and a zero: nothing of C lies below 1024. See rewrite/host-process.ts. */
export const USER_NAME = { address: 512, size: 64 } as const;

/** src/backend/storage/ipc/ipc.c, `before_shmem_exit_index` and so on: how many functions are called at the end. */
export const EXIT_INDEXES = [2_797_184, 2_797_360, 2_797_536] as const;

/** src/common/encnames.c, `pg_enc2name_tbl` (check_encoding_conversion_args() reads it). */
export const ENCODING_NAMES = 2_729_504;
/** src/common/wchar.c, `pg_wchar_table` (pg_encoding_max_length() reads it). */
export const ENCODING_FUNCTIONS = 2_731_280;
