/** Whose app it is: the user as whom what the app brings along may run when wasmrun itself is root. */
import { statSync } from 'node:fs';

export interface AppUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Who called sudo, else the owner of the app's directory. Undefined where that is root, who owns no app that
 * anybody else could be asked to run.
 */
export const appUser = (
  appDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): AppUser | undefined => {
  const caller = { uid: Number(environment['SUDO_UID']), gid: Number(environment['SUDO_GID']) };
  if (isOrdinary(caller)) return caller;
  const owner = statSync(appDirectory, { throwIfNoEntry: false });
  return owner !== undefined && isOrdinary(owner) ? { uid: owner.uid, gid: owner.gid } : undefined;
};

const isOrdinary = ({ uid, gid }: AppUser): boolean =>
  Number.isInteger(uid) && Number.isInteger(gid) && uid > 0 && gid > 0;
