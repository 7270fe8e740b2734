import { expect, test } from 'vitest';
import { remoteFileSystem, remoteFileSystemOf } from '../../../src/watch/file-system.ts';

test.each([
  [0x69_69, 'NFS'],
  [0xff_53_4d_42, 'SMB (CIFS)'],
  // As a kernel of 32 bits gives it: signed.
  [0xff_53_4d_42 | 0, 'SMB (CIFS)'],
  [0x01_02_19_97, '9p'],
  [0x65_73_55_46, 'FUSE or VirtioFS'],
  // tmpfs and ext4 tell of everything.
  [0x01_02_19_94, undefined],
  [0xef_53, undefined],
])('%i is %s', (type, name) => {
  expect(remoteFileSystem(type)).toBe(name);
});

test('what is not there lies on none', async () => {
  expect(await remoteFileSystemOf('/dev/shm')).toBeUndefined();
  expect(await remoteFileSystemOf('/dev/shm/absent/file')).toBeUndefined();
});
