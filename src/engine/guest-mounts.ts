/** Where a guest with paths of its own finds what it was given. */
import type { Descriptor } from './descriptor.ts';
import { DeviceDirectory } from './device-files.ts';
import type { LaunchMessage } from './messages.ts';
import type { GuestMount } from './mount-table.ts';

const DEVICES = '/dev';
const DIRECTORY_MODE = 0o755;

/** The directories that were opened for a guest, and `/dev`. What lies in an in-memory file system has its place made. */
export const guestMounts = (
  { tmpfs, directories: mounted }: Pick<LaunchMessage, 'tmpfs' | 'directories'>,
  opened: readonly Descriptor[],
): readonly GuestMount[] => {
  makeMountPoints(tmpfs, mounted, opened);
  const mounts = opened.map((directory) => {
    const path = directory.preopenPath ?? '/';
    const isSameOnHost = mounted.some(({ guestPath, hostPath }) => guestPath === path && hostPath === path);
    return { path, directory, isSameOnHost };
  });
  return mounts.some(({ path }) => path === DEVICES)
    ? mounts
    : [...mounts, { path: DEVICES, directory: new DeviceDirectory(), isSameOnHost: false }];
};

/** Directories of in-memory file systems in which something else is mounted: an app below `/tmp`. */
const makeMountPoints = (
  tmpfs: readonly string[],
  mounted: LaunchMessage['directories'],
  opened: readonly Descriptor[],
): void => {
  for (const outer of tmpfs) {
    const fileSystem = opened.find(({ preopenPath }) => preopenPath === outer);
    for (const { guestPath } of mounted) {
      if (!guestPath.startsWith(`${outer}/`)) continue;
      const names = guestPath.slice(outer.length + 1).split('/');
      // One that is there already is as good.
      for (const index of names.keys()) {
        fileSystem?.makeDirectory(Buffer.from(names.slice(0, index + 1).join('/')), DIRECTORY_MODE);
      }
    }
  }
};
