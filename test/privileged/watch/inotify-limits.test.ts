import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('limited-watch.ts', import.meta.url));

/** Starts the program under a limit; `next` reads its next line. */
const watchLimited = (root: string, limit: string, value: string) => {
  const args = ['--user', '--map-root-user', process.execPath, program, root, limit, value];
  const child = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    next: async (): Promise<unknown> => JSON.parse((await lines.next()).value ?? 'null'),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      // It ends by itself once it stops watching.
      if (child.exitCode === null) await once(child, 'exit');
      expect(child.exitCode).toBe(0);
    },
  };
};

const app = async (directories: number) => {
  const directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-limits-'));
  for (let index = 0; index < directories; index++) await mkdir(join(directory.path, `lib-${index}`));
  await writeFile(join(directory.path, 'server.js'), 'old');
  return directory;
};

test.each([
  ['max_inotify_watches', '3', 'all inotify watches', 'sysctl fs.inotify.max_user_watches='],
  ['max_inotify_instances', '0', 'all inotify instances', 'sysctl fs.inotify.max_user_instances='],
])(
  '%s used up at the start: one line says so, and changes are found by looking',
  async (limit, value, reason, advice) => {
    await using directory = await app(10);
    await using watch = watchLimited(directory.path, limit, value);
    const warning = expect.stringMatching(
      new RegExp(`^looking at ${directory.path} every 1 s for changes: ${reason}.*${advice}`),
    );
    expect(await watch.next()).toEqual({ warning });
    expect(await watch.next()).toEqual({ mode: 'polling' });
    const path = join(directory.path, 'lib-7/new.js');
    await writeFile(path, 'new');
    expect(await watch.next()).toEqual({ mode: 'polling', files: [{ path, kind: 'added' }] });
  },
);

test('used up later, by new directories', async () => {
  await using directory = await app(2);
  await using watch = watchLimited(directory.path, 'max_inotify_watches', '4');
  expect(await watch.next()).toEqual({ mode: 'events' });
  const path = join(directory.path, 'server.js');
  await writeFile(path, 'new');
  expect(await watch.next()).toEqual({ mode: 'events', files: [{ path, kind: 'changed' }] });

  for (let index = 0; index < 10; index++) await mkdir(join(directory.path, `more-${index}`));
  expect(await watch.next()).toEqual({ warning: expect.stringContaining('all inotify watches') });
  const added = join(directory.path, 'more-9/new.js');
  await writeFile(added, 'new');
  expect(await watch.next()).toEqual({ mode: 'polling', files: [{ path: added, kind: 'added' }] });
});
