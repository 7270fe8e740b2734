/** The files of a guest without the guest: directories of the host and in memory, mounted in this process. */
import { Control } from '../../src/engine/control.ts';
import { FdTable } from '../../src/engine/fd-table.ts';
import { openDirectories, openMemoryFileSystems } from '../../src/engine/mounts.ts';
import { Poller } from '../../src/engine/poll.ts';
import { GuestFileSystem } from '../../src/engine/guest-file-system.ts';

export interface MountedDirectory {
  readonly hostPath: string;
  readonly guestPath?: string;
  readonly readOnly?: boolean;
}

/** @param tmpfs - guest paths of in-memory file systems */
export const mountFiles = async (
  mounted: readonly MountedDirectory[],
  tmpfs: readonly string[] = [],
): Promise<GuestFileSystem & Disposable> => {
  // Regular files never wait: it is only asked whether a failed call is worth repeating.
  const poller = new Poller(new Control());
  const directories = mounted.map(({ hostPath, guestPath = hostPath, readOnly = false }) => ({
    hostPath,
    guestPath,
    readOnly,
  }));
  const mounts = [
    ...openDirectories(directories, poller).map((directory, index) => ({
      path: directory.preopenPath!,
      directory,
      isSameOnHost: directories[index]!.hostPath === directories[index]!.guestPath,
    })),
    ...openMemoryFileSystems(tmpfs).map((directory) => ({
      path: directory.preopenPath!,
      directory,
      isSameOnHost: false,
    })),
  ];
  return Object.assign(new GuestFileSystem(mounts, new FdTable()), {
    [Symbol.dispose]: () => {
      for (const { directory } of mounts) directory.close();
    },
  });
};
