/** The same random operations on a guest's files and by node:fs: the same results, and the same tree afterwards. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  copyFile,
  listTree,
  makeDirectories,
  removeTree,
} from '../../../runtimes/nodejs/engine/file-trees.ts';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { FILETYPE } from '../../../src/engine/descriptor.ts';
import type { FileStat } from '../../../src/engine/descriptor.ts';
import { mountFiles } from '../../helpers/guest-files.ts';

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY } = fs.constants;

const names = fc.constantFrom(
  ...'a b d d/ d/a d/e d/e/f d/../a d/e/../a a/../b ./a d//a'.split(' '),
  ...'l l/a l/ l/../a d/l d/l/a missing/x . d/.'.split(' '),
);
const path = names.map((name) => ({ name }));
const plain = names.filter((name) => !name.endsWith('.'));
const pair = fc.record({ name: plain, to: plain });
const flags = fc.constantFrom(
  O_RDONLY,
  O_WRONLY | O_CREAT | O_TRUNC,
  O_WRONLY | O_CREAT | O_EXCL,
  O_WRONLY | O_CREAT | O_APPEND,
);

const operation = fc.oneof(
  fc.record({ do: fc.constant('write' as const), name: names, flags, text: fc.string({ maxLength: 8 }) }),
  ...(
    [
      'read',
      'mkdir',
      'mkdirs',
      'rmdir',
      'unlink',
      'readlink',
      'stat',
      'lstat',
      'realpath',
      'list',
      'tree',
    ] as const
  ).map((each) => path.map(({ name }) => ({ do: each, name }))),
  ...(['rename', 'link', 'copy', 'symlink', 'absoluteSymlink'] as const).map((each) =>
    pair.map((both) => ({ do: each, ...both })),
  ),
  fc.record({ do: fc.constant('remove' as const), name: plain }),
  fc.record({ do: fc.constant('chmod' as const), name: names, mode: fc.constantFrom(0o600, 0o644, 0o755) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

const kindOf = (stat: {
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  mode: number;
  size: number;
}): unknown =>
  stat.isDirectory()
    ? 'directory'
    : [stat.isSymbolicLink() ? 'link' : stat.mode.toString(8), stat.isSymbolicLink() ? 0 : stat.size];

/** What node:fs does, errors as their numbers. */
const runNatively = (root: string, step: Operation): unknown => {
  const at = `${root}/${step.name}`;
  switch (step.do) {
    case 'write': {
      const fd = fs.openSync(at, step.flags, 0o666);
      try {
        return step.flags === O_RDONLY ? 0 : fs.writeSync(fd, step.text);
      } finally {
        fs.closeSync(fd);
      }
    }
    case 'read':
      return fs.readFileSync(at, 'utf8');
    case 'mkdir':
      return fs.mkdirSync(at);
    case 'mkdirs':
      return fs.mkdirSync(at, { recursive: true });
    case 'rmdir':
      return fs.rmdirSync(at);
    case 'unlink':
      return fs.unlinkSync(at);
    case 'readlink':
      return fs.readlinkSync(at);
    case 'stat':
      return kindOf(fs.statSync(at));
    case 'lstat':
      return kindOf(fs.lstatSync(at));
    case 'realpath':
      return fs.realpathSync.native(at);
    case 'list':
      return fs.readdirSync(at);
    case 'tree':
      return fs.readdirSync(at, { recursive: true });
    case 'remove':
      return fs.rmSync(at, { recursive: true, force: true });
    case 'rename':
      return fs.renameSync(at, `${root}/${step.to}`);
    case 'link':
      return fs.linkSync(at, `${root}/${step.to}`);
    case 'copy':
      return fs.copyFileSync(at, `${root}/${step.to}`);
    case 'symlink':
      return fs.symlinkSync(step.to, at);
    case 'absoluteSymlink':
      return fs.symlinkSync(join(root, step.to), at);
    case 'chmod':
      return fs.chmodSync(at, step.mode);
    default:
      return step satisfies never;
  }
};

const ok = (result: number): unknown => (result === 0 ? undefined : result);
const textOf = (result: Buffer | undefined | number): unknown =>
  typeof result === 'number' ? result : result?.toString();
const kindOfGuest = (stat: FileStat | number): unknown =>
  typeof stat === 'number'
    ? stat
    : kindOf({
        isDirectory: () => stat.filetype === FILETYPE.directory,
        isSymbolicLink: () => stat.filetype === FILETYPE.symbolicLink,
        mode: stat.mode,
        size: Number(stat.size),
      });

const runAsGuest = (files: GuestFileSystem, root: string, step: Operation): unknown => {
  const at = `${root}/${step.name}`;
  switch (step.do) {
    case 'write': {
      const fd = files.open(at, step.flags, 0o666);
      if (fd < 0) return fd;
      const written =
        step.flags === O_RDONLY ? 0 : files.openFiles.writeBytes(fd, Buffer.from(step.text), undefined);
      files.openFiles.close(fd);
      return written;
    }
    case 'read':
      return files.readText(at, O_RDONLY);
    case 'mkdir':
      return ok(files.makeDirectory(at, 0o777));
    case 'mkdirs':
      return textOf(makeDirectories(files, at, 0o777));
    case 'rmdir':
      return ok(files.removeDirectory(at));
    case 'unlink':
      return ok(files.unlink(at));
    case 'readlink':
      return textOf(files.readLink(at));
    case 'stat':
      return kindOfGuest(files.stat(at, true));
    case 'lstat':
      return kindOfGuest(files.stat(at, false));
    case 'realpath':
      return textOf(files.realPath(at));
    case 'list': {
      const entries = files.readDirectory(at);
      return typeof entries === 'number' ? entries : entries.map(({ name }) => Buffer.from(name).toString());
    }
    case 'tree': {
      const listing = listTree(files, at);
      if (typeof listing === 'number') return listing;
      const directories = listing.counts.flatMap((count, index) =>
        Array.from({ length: count }, () => listing.directories[index]!.toString()),
      );
      return listing.names.map((name, index) => join(directories[index]!, name.toString()));
    }
    case 'remove':
      return ok(removeTree(files, at));
    case 'rename':
      return ok(files.rename(at, `${root}/${step.to}`));
    case 'link':
      return ok(files.link(at, `${root}/${step.to}`));
    case 'copy':
      return ok(copyFile(files, at, `${root}/${step.to}`, 0));
    case 'symlink':
      return ok(files.symlink(step.to, at));
    case 'absoluteSymlink':
      return ok(files.symlink(join(root, step.to), at));
    case 'chmod':
      return ok(files.setMode(at, step.mode));
    default:
      return step satisfies never;
  }
};

const errnoOf = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    const { errno, code } = error as NodeJS.ErrnoException;
    // What Node leaves to std::filesystem (rmSync) fails with the number itself.
    return errno === undefined ? code : -Math.abs(errno);
  }
};

const isFailure = (result: unknown): boolean => typeof result === 'number' && result < 0;
/** Where more than one thing is wrong, it depends on the order of looking which of them is told. */
const isEitherFailure = (step: Operation): boolean => 'to' in step || step.do === 'remove';

/** Everything beneath a directory, with links, modes and contents. */
const snapshot = (root: string): unknown =>
  fs.readdirSync(root, { withFileTypes: true }).map((entry) => {
    const at = join(root, entry.name);
    if (entry.isSymbolicLink()) return [entry.name, fs.readlinkSync(at)];
    if (entry.isDirectory()) return [entry.name, snapshot(at)];
    return [entry.name, fs.lstatSync(at).mode.toString(8), fs.readFileSync(at, 'utf8')];
  });

test('a guest’s files behave as node:fs has them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 40 }), async (steps) => {
      const base = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'wasmrun-files-'));
      try {
        // The native one is somewhere else; told paths are the guest's.
        const [native, guest] = [join(base, 'n/tree'), join(base, 'g/tree')];
        for (const root of [native, guest]) fs.mkdirSync(root, { recursive: true });
        using files = await mountFiles([{ hostPath: join(base, 'g') }]);
        const asGuest = (value: unknown): unknown =>
          JSON.parse((JSON.stringify(value) ?? 'null').replaceAll(native, guest)) as unknown;
        for (const step of steps) {
          // libuv empties and removes what is at the other end before it says that a directory is no file.
          if (step.do === 'copy' && fs.existsSync(`${native}/${step.name}/.`)) continue;
          const expected = asGuest(errnoOf(() => runNatively(native, step)));
          const found = asGuest(runAsGuest(files, guest, step));
          if (isEitherFailure(step) && isFailure(expected) && isFailure(found)) continue;
          expect(found, JSON.stringify(step)).toEqual(expected);
        }
        expect(asGuest(snapshot(guest))).toEqual(asGuest(snapshot(native)));
      } finally {
        fs.rmSync(base, { recursive: true });
      }
    }),
    { numRuns: 150 },
  );
}, 60_000);
