/** Whose rights a guest has: never root's. */
import { appUser } from '../os/app-user.ts';
import type { AppUser } from '../os/app-user.ts';

/** The user and group `nobody`/`nogroup` of Linux distributions: the overflow id of user namespaces. */
const NOBODY: AppUser = { uid: 65_534, gid: 65_534 };

/**
 * The user an engine becomes: whose app it is, else nobody. Undefined when the caller is unprivileged already
 * and simply stays who it is.
 */
export const engineIdentity = (
  appDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): AppUser | undefined =>
  process.getuid?.() === 0 ? (appUser(appDirectory, environment) ?? NOBODY) : undefined;
