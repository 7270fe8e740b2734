import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../../helpers/engine.ts';

const GUESTS = fileURLToPath(new URL('../../guests/', import.meta.url));
/** Debian's wasi-libc turns "now" into the explicit time 0 before the engine sees it. */
const LIBC_DIFFERS: ReadonlySet<string> = new Set(['times-now']);
/** MemFS has neither kind of link; these say so instead of pretending. */
const LINK_CHECKS =
  /^(symlink|link|readlink|lstat|stat-follows|open-nofollow|open-loop|unlink$|dot-dot-inside|readdir$|end$)/;

let scratch = '';
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'wasmrun-files-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const linesOf = (output: string): Map<string, string> =>
  new Map(
    output
      .trim()
      .split('\n')
      .map((line): [string, string] => [line.split(' ', 1)[0]!, line]),
  );

/** What the same C program prints as a native Linux program. */
const native = (): Map<string, string> => {
  const program = join(scratch, 'files-native');
  execFileSync('cc', ['-O1', '-w', `-I${join(GUESTS, 'include')}`, '-o', program, join(GUESTS, 'files.c')]);
  const root = mkdtempSync(join(scratch, 'native-'));
  return linesOf(execFileSync(program, [root], { encoding: 'utf8' }));
};

const inEngine = async (
  launch: Partial<Parameters<typeof startEngine>[0]>,
  args: string[] = [],
): Promise<Map<string, string>> => {
  await using engine = startEngine({ guest: 'files', args: ['files', '/work', ...args], ...launch });
  expect((await engine.ended).status).toBe(0);
  return linesOf(engine.stdout());
};

describe('files', () => {
  test('of a mounted directory behave as they do for a native program', async () => {
    const expected = native();
    const hostPath = mkdtempSync(join(scratch, 'mounted-'));
    const found = await inEngine({ directories: [{ hostPath, guestPath: '/work', readOnly: false }] });
    expect(expected.size).toBeGreaterThan(70);
    for (const name of LIBC_DIFFERS) expected.delete(name);
    for (const [name, line] of expected) expect(found.get(name), name).toBe(line);
  });

  test('of an in-memory file system do too, but for links', async () => {
    const found = await inEngine({ tmpfs: ['/work'] });
    for (const [name, line] of native()) {
      if (!LIBC_DIFFERS.has(name) && !LINK_CHECKS.test(name)) expect(found.get(name), name).toBe(line);
    }
    expect(found.get('symlink')).toBe('symlink ENOTSUP');
    expect(found.get('link')).toBe('link ENOTSUP');
  });

  test('cannot be reached outside the mounted directory in any way', async () => {
    const outside = mkdtempSync(join(scratch, 'outside-'));
    const hostPath = join(outside, 'root');
    mkdirSync(hostPath);
    mkdirSync(join(outside, 'beside'));
    for (const name of ['secret', 'unlink-me', 'link-me'])
      writeFileSync(join(outside, 'beside', name), 'secret');
    writeFileSync(join(outside, 'secret'), 'secret');
    symlinkSync(join(outside, 'secret'), join(hostPath, 'outlink'));
    symlinkSync('../secret', join(hostPath, 'uplink'));
    symlinkSync('../beside', join(hostPath, 'dirlink'));
    const found = await inEngine({ directories: [{ hostPath, guestPath: '/work', readOnly: false }] }, [
      'secret',
    ]);
    const attempts = [...found].filter(([name]) => name.startsWith('escape.'));
    expect(attempts.length).toBeGreaterThan(12);
    for (const [name, line] of attempts)
      expect(line, name).toMatch(/ (ENOTCAPABLE|EPERM|ENOENT|EXDEV|EACCES|ENOTDIR|ELOOP)$/);
    expect(readdirSync(outside).sort()).toEqual(['beside', 'root', 'secret']);
    expect(readdirSync(join(outside, 'beside')).sort()).toEqual(['link-me', 'secret', 'unlink-me']);
  });

  test('of a read-only mount cannot be changed', async () => {
    const hostPath = mkdtempSync(join(scratch, 'read-only-'));
    const found = await inEngine({ directories: [{ hostPath, guestPath: '/work', readOnly: true }] });
    expect(found.get('create')).toBe('create EROFS');
    expect(found.get('mkdir')).toBe('mkdir EROFS');
    expect(readdirSync(hostPath)).toEqual([]);
  });

  test('of an in-memory file system cost nothing in a module that opens none', async () => {
    const loadsLibrary = async (guest: string): Promise<boolean> => {
      await using engine = startEngine({ guest, tmpfs: ['/tmp'], processEnv: { NODE_DEBUG: 'module' } });
      await engine.ended;
      return engine.stderr().includes('@wasmer/wasi');
    };
    expect(await loadsLibrary('files')).toBe(true);
    expect(await loadsLibrary('environment')).toBe(false);
  });
});
