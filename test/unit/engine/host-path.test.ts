/** No path leads out of a directory: the kernel's own word for what was opened is compared with the root. */
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WASI } from '../../../src/engine/errno.ts';
import { openBeneath, openParent } from '../../../src/engine/host-path.ts';
import { O } from '../../../src/engine/open-flags.ts';

let outside = '';
let root = '';
let rootFd = -1;

beforeAll(() => {
  outside = realpathSync(mkdtempSync(join(tmpdir(), 'wasmrun-paths-')));
  root = join(outside, 'root');
  mkdirSync(join(root, 'd', 'e'), { recursive: true });
  mkdirSync(join(outside, 'root-beside'));
  for (const file of ['root/f', 'root/d/f', 'root/d/e/f', 'secret', 'root-beside/f'])
    writeFileSync(join(outside, file), file);
  const links = {
    up: '..',
    upUp: '../..',
    away: '../root-beside',
    absolute: outside,
    slash: '/',
    self: '.',
    deep: 'd/e',
    back: 'd/../d',
    loop: 'loop',
    proc: '/proc/self/root',
    home: root,
  };
  for (const directory of ['.', 'd', 'd/e'])
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, directory, name));
  rootFd = openSync(root, 'r');
});
afterAll(() => {
  closeSync(rootFd);
  rmSync(outside, { recursive: true });
});

const component = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('.', '..', 'd', 'e', 'f', 'self', 'deep', 'back', 'up') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('upUp', 'away', 'absolute', 'slash', 'home', 'loop', 'proc', 'proc/self'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', 'root-beside', 'secret', 'missing', 'etc', 'x'.repeat(256), 'nul\0'),
  },
);
const start = fc.oneof({ weight: 5, arbitrary: fc.constant('') }, fc.constantFrom('/', '//', './', '../'));
const path = fc
  .tuple(start, fc.array(component, { minLength: 1, maxLength: 6 }))
  .map(([prefix, components]) => prefix + components.join('/'));
const flags = fc.constantFrom(O.PATH, O.PATH | O.NOFOLLOW, O.RDONLY | O.NONBLOCK, O.PATH | O.DIRECTORY);

/** What the kernel says an open descriptor is, and whether that lies in the root. */
const isInside = (fd: number): boolean => {
  const opened = readlinkSync(`/proc/self/fd/${fd}`);
  return opened === root || opened.startsWith(`${root}/`);
};

describe('a path beneath a directory', () => {
  test('never opens anything that is not beneath it', () => {
    let count = 0;
    fc.assert(
      fc.property(path, flags, (text, how) => {
        const fd = openBeneath(rootFd, Buffer.from(text), how);
        if (fd < 0) return;
        count += 1;
        try {
          expect(isInside(fd), text).toBe(true);
        } finally {
          closeSync(fd);
        }
      }),
      { numRuns: 5000 },
    );
    // Else the property would hold for a function that opens nothing.
    expect(count).toBeGreaterThan(500);
  });

  test('has a parent that is beneath it too, and a last name that leads nowhere else', () => {
    let count = 0;
    fc.assert(
      fc.property(path, (text) => {
        const parent = openParent(rootFd, Buffer.from(text));
        if (typeof parent === 'number') return;
        using opened = parent;
        count += 1;
        expect(isInside(opened.fd), text).toBe(true);
        const name = opened.name.toString('latin1').replace(/\/*\0$/, '');
        expect(['', '.', '..']).not.toContain(name);
        expect(name).not.toContain('/');
      }),
      { numRuns: 5000 },
    );
    expect(count).toBeGreaterThan(500);
  });

  test.each([
    ['', WASI.ENOENT],
    ['/', WASI.ENOTCAPABLE],
    ['..', WASI.ENOTCAPABLE],
    ['d/..', WASI.ENOTCAPABLE],
    ['d/.', WASI.EINVAL],
    ['/d', WASI.ENOTCAPABLE],
    ['../root/d', WASI.ENOTCAPABLE],
    ['up/root/d', WASI.ENOTCAPABLE],
    ['home/d', WASI.ENOTCAPABLE],
    ['loop/d', WASI.ELOOP],
    ['missing/d', WASI.ENOENT],
    ['f/d', WASI.ENOTDIR],
    ['a\0b', WASI.EILSEQ],
  ])('%j has no parent: errno %i', (text, errno) => {
    expect(openParent(rootFd, Buffer.from(text))).toBe(-errno);
  });
});
