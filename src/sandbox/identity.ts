/** Whose rights a guest has: never root's. */
import { statSync } from 'node:fs';

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** The user and group `nobody`/`nogroup` of Linux distributions: the overflow id of user namespaces. */
const NOBODY: Identity = { uid: 65_534, gid: 65_534 };

/**
 * The user an engine becomes: who called sudo, else the owner of the app's directory, else nobody.
 * Undefined when the caller is unprivileged already and simply stays who it is.
 */
export const engineIdentity = (
  appDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Identity | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const uid = Number(environment['SUDO_UID']);
  const gid = Number(environment['SUDO_GID']);
  if (Number.isInteger(uid) && Number.isInteger(gid) && uid > 0 && gid > 0) return { uid, gid };
  const owner = statSync(appDirectory, { throwIfNoEntry: false });
  return owner !== undefined && owner.uid > 0 && owner.gid > 0 ? { uid: owner.uid, gid: owner.gid } : NOBODY;
};
