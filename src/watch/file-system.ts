/**
 * File systems on which the kernel tells nothing of changes that are made elsewhere: on a server, on
 * the machine around this one. inotify(7), "Limitations and caveats". They must be looked at again and
 * again.
 */
import { statfs } from 'node:fs/promises';

/** By the type that statfs(2) gives: linux/magic.h. */
const REMOTE_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x69_69, 'NFS'],
  [0x51_7b, 'SMB'],
  [0xff_53_4d_42, 'SMB (CIFS)'],
  [0xfe_53_4d_42, 'SMB'],
  // WSL shows Windows drives by 9p, virtual machines their host's directories.
  [0x01_02_19_97, '9p'],
  // sshfs, rclone and the like; VirtioFS gives the same number (fs/fuse/virtio_fs.c).
  [0x65_73_55_46, 'FUSE or VirtioFS'],
  [0x00_c3_64_00, 'Ceph'],
  [0x53_46_41_4f, 'AFS'],
  [0x6b_41_46_53, 'AFS'],
  [0x73_75_72_45, 'Coda'],
  [0x74_61_63_6f, 'OCFS2'],
]);

/** The name of a file system of this type, if it tells nothing of changes made elsewhere. */
export const remoteFileSystem = (type: number): string | undefined =>
  // The kernel's field is signed where it has 32 bits.
  REMOTE_FILE_SYSTEMS.get(type >>> 0);

/** The name of the file system that a path lies on, if changes there may go untold; else undefined. */
export const remoteFileSystemOf = async (path: string): Promise<string | undefined> => {
  try {
    return remoteFileSystem((await statfs(path)).type);
  } catch {
    // Not there, or not told: then events are as good a guess as any.
    return undefined;
  }
};
