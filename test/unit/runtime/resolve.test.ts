import * as fc from 'fast-check';
import { chmod, chown, mkdir, mkdtempDisposable, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { RUNTIMES } from '../../../runtimes/index.ts';
import { sandboxName } from '../../../src/config/values.ts';
import { WasmrunError } from '../../../src/errors.ts';
import { silentLog } from '../../../src/log.ts';
import { buildUser, runBuild } from '../../../src/runtime/build.ts';
import { deriveName, resolveApp, type AppOptions } from '../../../src/runtime/resolve.ts';

/** The smallest module: magic and version. */
const MODULE = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

type Options = { app?: Partial<AppOptions['app']>; build?: AppOptions['build']; configFile?: string };

/** Resolves `path` within a fresh directory that holds these files (a name ending in `/` is a directory). */
const resolve = async (files: Record<string, string | Buffer>, path = '.', options: Options = {}) => {
  await using temporary = await mkdtempDisposable(join(tmpdir(), 'wasmrun-detect-'));
  const directory = join(temporary.path, 'My App_2');
  await mkdir(directory);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(name.endsWith('/') ? join(directory, name) : dirname(join(directory, name)), {
      recursive: true,
    });
    if (!name.endsWith('/')) await writeFile(join(directory, name), content);
  }
  const inside = (file: string | undefined) => file && join(directory, file);
  const app = await resolveApp(
    join(directory, path),
    {
      configFile: join(directory, '.wasmrun.toml'),
      app: { args: [], ...options.app, module: inside(options.app?.module) },
      build: { ...options.build, output: inside(options.build?.output) },
    },
    RUNTIMES,
    silentLog,
  );
  return {
    ...app,
    module: basename(app.program.modulePath),
    size: (await readFile(app.program.modulePath)).length,
  };
};

const failure = async (...given: Parameters<typeof resolve>): Promise<WasmrunError> => {
  const result = await resolve(...given).catch((error: unknown) => error);
  if (result instanceof WasmrunError) return result;
  throw new Error('the app was accepted', { cause: result });
};

describe('what runs', () => {
  test('a .wasm file given directly, named after the file', async () => {
    const app = await resolve({ 'Server.V2.wasm': MODULE, 'other.wasm': MODULE }, 'Server.V2.wasm', {
      app: { args: ['-v'] },
    });
    expect(app).toMatchObject({
      name: 'server-v2',
      nameIsExplicit: false,
      runtime: 'wasm',
      module: 'Server.V2.wasm',
    });
    expect(app.program.args).toEqual(['Server.V2.wasm', '-v']);
  });

  test('a module whatever its file is called', async () => {
    expect(await resolve({ program: MODULE }, 'program')).toMatchObject({
      module: 'program',
      name: 'program',
    });
  });

  test('the single .wasm of a directory, named after the directory', async () => {
    const app = await resolve({ 'a.wasm': MODULE, 'dir.wasm/': '', 'notes.txt': 'x' });
    expect(app).toMatchObject({ name: 'my-app-2', module: 'a.wasm' });
  });

  test('a chosen name is explicit', async () => {
    expect(await resolve({ 'a.wasm': MODULE }, '.', { app: { name: 'web' } })).toMatchObject({
      name: 'web',
      nameIsExplicit: true,
    });
  });

  test('the module of the configuration, where there are several', async () => {
    const app = await resolve({ 'a.wasm': MODULE, 'b.wasm': MODULE }, '.', { app: { module: 'b.wasm' } });
    expect(app.module).toBe('b.wasm');
  });

  test('the module of the configuration, beside a package.json', async () => {
    const app = await resolve({ 'b.wasm': MODULE, 'package.json': '{}' }, '.', { app: { module: 'b.wasm' } });
    expect(app.runtime).toBe('wasm');
  });

  test('the chosen language decides between package.json and .wasm', async () => {
    const app = await resolve({ 'b.wasm': MODULE, 'package.json': '{}' }, '.', { app: { language: 'wasm' } });
    expect(app.module).toBe('b.wasm');
  });
});

describe('builds', () => {
  test('run first, in the directory of the configuration, without a shell', async () => {
    const app = await resolve({ 'in.bin': MODULE }, '.', {
      build: { command: 'cp in.bin out.wasm', output: 'out.wasm' },
    });
    expect(app).toMatchObject({ module: 'out.wasm', size: MODULE.length });
  });

  test('in list form keep spaces and special characters', async () => {
    const app = await resolve({ 'a $(b).bin': MODULE }, '.', {
      build: { command: ['cp', 'a $(b).bin', 'out.wasm'] },
    });
    expect(app.module).toBe('out.wasm');
  });

  test('do not run for a file given directly', async () => {
    expect(await resolve({ 'a.wasm': MODULE }, 'a.wasm', { build: { command: 'false' } })).toMatchObject({
      module: 'a.wasm',
    });
  });

  test.each<[string, AppOptions['build'], string]>([
    ['false', { command: 'false', output: 'o.wasm' }, 'failed: it ended with status 1'],
    ['no such program', { command: 'wasmrun-no-such-program', output: 'o.wasm' }, 'there is no such program'],
    ['no output', { command: 'true', output: 'o.wasm' }, 'the build succeeded but'],
  ])('that fail: %s', async (_, build, message) => {
    const error = await failure({}, '.', { build });
    expect(error).toMatchObject({
      code: 'BUILD_FAILED',
      exitStatus: 125,
      message: expect.stringContaining(message),
    });
  });

  test('under sudo run as the user behind it', async () => {
    const rootsOwn = '/';
    const sudo = { SUDO_UID: '65534', SUDO_GID: '65534', SUDO_USER: 'nobody' };
    expect(await buildUser(rootsOwn, sudo, 0)).toEqual({
      uid: 65_534,
      gid: 65_534,
      env: { USER: 'nobody', LOGNAME: 'nobody', HOME: '/nonexistent' },
    });
    expect(await buildUser(rootsOwn, sudo, 1000)).toEqual({});
    expect(await buildUser(rootsOwn, {}, 0)).toEqual({});
    expect(await buildUser(rootsOwn, { SUDO_UID: '0', SUDO_GID: '0' }, 0)).toEqual({});
  });
});

test.runIf(process.geteuid?.() === 0)(
  'a build by root runs as the owner of the app (needs root)',
  async () => {
    await using temporary = await mkdtempDisposable(join(tmpdir(), 'wasmrun-build-'));
    await chown(temporary.path, 4242, 4242);
    await runBuild(['touch', 'made'], temporary.path, { log: silentLog });
    expect((await stat(join(temporary.path, 'made'))).uid).toBe(4242);
    expect(await buildUser(temporary.path, {}, 0)).toEqual({
      uid: 4242,
      gid: 4242,
      env: { USER: '4242', LOGNAME: '4242', HOME: '/' },
    });
  },
);

test.runIf(process.geteuid?.() === 0)(
  'a build under sudo makes files of the user behind it (needs root)',
  async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-sudo-'));
    await chmod(directory.path, 0o777);
    vi.stubEnv('SUDO_UID', '65534');
    vi.stubEnv('SUDO_GID', '65534');
    try {
      await runBuild('touch made', directory.path, { log: silentLog });
    } finally {
      vi.unstubAllEnvs();
    }
    expect(await stat(join(directory.path, 'made'))).toMatchObject({ uid: 65_534, gid: 65_534 });
  },
);

describe('what does not run', () => {
  test.each<[string, Parameters<typeof resolve>, string, number, string, string]>([
    ['a missing path', [{}, 'nope'], 'APP_NOT_FOUND', 127, 'nope does not exist', 'a .wasm file'],
    [
      'a forgotten extension',
      [{ 'hello.wasm': MODULE }, 'hello'],
      'APP_NOT_FOUND',
      127,
      'hello does not exist',
      'hello.wasm?',
    ],
    ['a path below a file', [{ a: 'x' }, 'a/b'], 'APP_NOT_FOUND', 127, 'does not exist', 'a .wasm file'],
    ['an empty directory', [{}], 'APP_NOT_RUNNABLE', 126, 'holds no app', '[app] module'],
    [
      'a directory called x.wasm',
      [{ 'x.wasm/': '' }, 'x.wasm'],
      'APP_NOT_RUNNABLE',
      126,
      'holds no app',
      '.wasm file',
    ],
    [
      'several modules',
      [{ 'a.wasm': MODULE, 'b.wasm': MODULE }],
      'APP_AMBIGUOUS',
      126,
      '2 .wasm files: a.wasm, b.wasm',
      'a.wasm, or name it',
    ],
    [
      'a module and a server of Node.js',
      [{ 'a.wasm': MODULE, 'package.json': '{"main":"server.js"}', 'server.js': '' }],
      'APP_AMBIGUOUS',
      126,
      '2 ways: wasm (a.wasm), nodejs (main of package.json)',
      '--language wasm or --language nodejs',
    ],
    [
      'a Node.js app that a tool starts',
      [{ 'package.json': '{"scripts":{"start":"next start"}}' }],
      'APP_NOT_RUNNABLE',
      126,
      'runs next, not a file of Node.js',
      'name the file that starts the app',
    ],
    [
      'an unknown language',
      [{}, '.', { app: { language: 'ruby' } }],
      'RUNTIME_UNAVAILABLE',
      126,
      'there is no runtime "ruby"',
      'choose one of wasm, nodejs, python, postgres, or leave',
    ],
    [
      'wasm without a module',
      [{ 'package.json': '' }, '.', { app: { language: 'wasm' } }],
      'APP_NOT_RUNNABLE',
      126,
      'holds no .wasm file',
      '[app] module',
    ],
    [
      'a missing configured module',
      [{}, '.', { app: { module: 'm.wasm' } }],
      'APP_NOT_FOUND',
      127,
      'named by [app] module, is not there',
      '[build] command',
    ],
    [
      'a missing build output',
      [{}, '.', { build: { output: 'm.wasm' } }],
      'APP_NOT_FOUND',
      127,
      'named by [build] output, is not there',
      '[build] command',
    ],
    [
      'text',
      [{ 'a.wasm': 'hello world' }],
      'MODULE_INVALID',
      126,
      'begins with "hello wo"',
      'clang --target=wasm32-wasi',
    ],
  ])('%s', async (_, given, code, exitStatus, message, hint) => {
    const error = await failure(...given);
    expect(error).toMatchObject({ code, exitStatus });
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });

  test('a device', async () => {
    await expect(
      resolveApp('/dev/null', { app: { args: [] }, build: {} }, RUNTIMES, silentLog),
    ).rejects.toMatchObject({
      code: 'APP_NOT_RUNNABLE',
      message: '/dev/null is neither a file nor a directory',
    });
  });
});

test('a derived name is always a valid one', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
      const name = deriveName(`/apps/${text}`);
      expect(
        sandboxName(name, {
          directory: '/',
          environment: {},
          fail: () => {
            throw new Error('not called');
          },
        }),
      ).toBe(name);
    }),
  );
  expect(deriveName('/')).toBe('app');
});
