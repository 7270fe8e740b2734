/** Where the records lie: root's are the machine's, those of an ordinary user their own. */
import { lstatSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { WasmrunError } from '../errors.ts';

/** Write permission of the group and of everybody, inode(7). */
const OTHERS_MAY_WRITE = 0o022;

export interface StateOwner {
  /** Effective user id. */
  readonly uid: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The user this process acts for. */
export const currentOwner = (): StateOwner => ({ uid: process.geteuid?.() ?? -1, environment: process.env });

/**
 * Directory of all prefixes' records, on a file system that a reboot empties, as it ends all sandboxes. For
 * users without a runtime directory (XDG Base Directory Specification) it is one of their own in /tmp.
 */
export const stateDirectory = ({ uid, environment }: StateOwner): string => {
  if (uid === 0) return '/run/wasmrun';
  const runtime = environment['XDG_RUNTIME_DIR'] ?? '';
  // After su(1) the variable may still name the directory of somebody else.
  if (runtime.startsWith('/') && inspect(runtime)?.uid === uid) return join(runtime, 'wasmrun');
  return `/tmp/wasmrun-${uid}`;
};

/**
 * Directory of what all prefixes keep over a reboot: the definitions of detached sandboxes and what they said
 * (hier(7); XDG Base Directory Specification, XDG_STATE_HOME, which says that a relative path counts for nothing).
 */
export const persistentDirectory = ({ uid, environment }: StateOwner): string => {
  if (uid === 0) return '/var/lib/wasmrun';
  const state = environment['XDG_STATE_HOME'] ?? '';
  if (state.startsWith('/')) return join(state, 'wasmrun');
  const home = environment['HOME'] ?? '';
  return join(home.startsWith('/') ? home : homedir(), '.local', 'state', 'wasmrun');
};

/**
 * Refuses a directory that somebody else made, may change, or leads elsewhere by a link: anybody can make one
 * of that name in /tmp first. One that does not exist is fine.
 * @throws {WasmrunError} PERMISSION_DENIED
 */
export const checkOwnDirectory = (path: string, uid: number): void => {
  const found = inspect(path);
  if (found === undefined) return;
  const flaw = flawOf(found, uid);
  if (flaw === undefined) return;
  throw new WasmrunError('PERMISSION_DENIED', `wasmrun keeps its records in ${path}, but ${flaw}`, {
    hint: 'it has to be a directory of this user that nobody else may write to',
  });
};

const flawOf = (found: Stats, uid: number): string | undefined => {
  if (!found.isDirectory()) return 'that is not a directory';
  if (found.uid !== uid) return `that belongs to user ${found.uid}`;
  if ((found.mode & OTHERS_MAY_WRITE) !== 0) return 'others may write there';
  return undefined;
};

const inspect = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });
