/** Which failures mean that the store's file is not what it should be, and what all others are told as. */
import { WasmrunError, isWasmrunError } from '../errors.ts';

/** The file cannot be used as it is: it is set aside. */
export class DamagedStore extends Error {
  override readonly name = 'DamagedStore';
  /** Part of the name that it gets. */
  readonly label: string;

  /** @param message - what is wrong with it, as a clause */
  constructor(label: string, message: string) {
    super(message);
    this.label = label;
  }
}

/**
 * Result codes (sqlite.org/rescode.html) that come of what is in a file, as our statements are always the same: ERROR
 * (of a damaged schema), READONLY (a header that asks for a later SQLite), CORRUPT, TOOBIG, MISMATCH, FORMAT, NOTADB.
 * All others are about the disk, permissions or other programs.
 */
const DAMAGE = new Set([1, 8, 11, 18, 20, 24, 26]);

interface SystemError extends Error {
  readonly code?: string;
  /** Of errors of SQLite: the extended result code, the plain one in its low byte. */
  readonly errcode?: number;
}

/** The damage behind a failure, if that is what it comes of. */
export const damageOf = (error: unknown): DamagedStore | undefined => {
  if (error instanceof DamagedStore) return error;
  if (!(error instanceof Error)) return undefined;
  const { code, errcode = 0, message } = error as SystemError;
  const isDamage =
    (code === 'ERR_SQLITE_ERROR' && DAMAGE.has(errcode & 0xff)) ||
    // An integer that no number of JavaScript is.
    code === 'ERR_OUT_OF_RANGE';
  return isDamage ? new DamagedStore('corrupt', message) : undefined;
};

/** What is said of a failure; one that is none of the store's is returned as it is. */
export const storeError = (path: string, error: unknown): unknown => {
  if (isWasmrunError(error) || !(error instanceof Error)) return error;
  const { code = '' } = error as SystemError;
  if (['EACCES', 'EPERM', 'EROFS'].includes(code))
    return new WasmrunError('PERMISSION_DENIED', `wasmrun cannot keep its sandboxes in ${path}`, {
      hint: 'make its parent directory one that this user may write to',
      cause: error,
    });
  if (damageOf(error) === undefined && !('syscall' in error) && code !== 'ERR_SQLITE_ERROR') return error;
  return new WasmrunError('STORE_FAILED', `${path} cannot be used: ${error.message}`, {
    hint: 'look whether the disk is full and whether another program has the file open',
    cause: error,
  });
};
