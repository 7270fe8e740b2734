import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { failure, load } from './load-settings.ts';

describe('defaults', () => {
  test('hold where nothing is set, and say so', async () => {
    const { settings, origins } = await load({});
    expect(settings).toEqual({
      configFile: undefined,
      app: { args: [], env: {}, sitePackages: [], directories: [], tmpfs: [] },
      build: {},
      network: {
        forwards: [],
        bind: ['127.0.0.1', '::1'],
        transport: 'auto',
        outbound: 'none',
        allow: [],
        peers: [],
        isolation: 'auto',
        namespacePrefix: 'wasmrun',
        addressPool: ['10.231.0.0/16', '172.31.224.0/19', '192.168.231.0/24'],
      },
      postgres: { user: 'postgres', init: [], extensions: [], slowMs: 1000, parameters: {} },
      watch: {
        paths: [],
        ignore: [],
        includeNodeModules: false,
        reload: 'overlap',
        graceMs: 10_000,
        debounceMs: 100,
      },
    });
    expect(new Set(Object.values(origins))).toEqual(new Set(['default']));
  });
});

describe('precedence', () => {
  const file = '[network]\nbind = "127.0.0.9"\ntransport = "handoff"\nforwards = ["1:1", "2:2"]\n';

  test('flag, environment, file, default', async () => {
    const { settings, origins } = await load(
      { '.wasmrun.toml': file },
      {
        flags: { '--bind': ['127.0.0.7'] },
        environment: { WASMRUN_BIND: '127.0.0.8', WASMRUN_TRANSPORT: 'nftables' },
      },
    );
    expect(settings.network).toMatchObject({
      bind: ['127.0.0.7'],
      transport: 'nftables',
      namespacePrefix: 'wasmrun',
    });
    expect(origins).toMatchObject({
      'network.bind': 'flag --bind',
      'network.transport': 'environment WASMRUN_TRANSPORT',
      'network.forwards': './.wasmrun.toml:4:1',
      'network.namespace_prefix': 'default',
    });
  });

  test('lists replace each other as a whole', async () => {
    const { settings } = await load({ '.wasmrun.toml': file }, { flags: { '--forward': ['9:9'] } });
    expect(settings.network.forwards).toMatchObject([{ hostPort: 9 }]);
  });

  test('a variable holds a list separated by commas; an empty one counts as unset', async () => {
    const { settings, origins } = await load(
      { '.wasmrun.toml': file },
      { environment: { WASMRUN_FORWARDS: '7:7, 8:8', WASMRUN_BIND: '' } },
    );
    expect(settings.network.forwards).toMatchObject([{ hostPort: 7 }, { hostPort: 8 }]);
    expect(origins['network.bind']).toBe('./.wasmrun.toml:2:1');
  });

  test('an invalid file is an error even where a flag replaces the value', async () => {
    const error = await failure(
      { '.wasmrun.toml': '[network]\nbind = "nowhere"' },
      { flags: { '--bind': ['::1'] } },
    );
    expect(error.code).toBe('CONFIG_INVALID');
  });
});

describe('paths and directories', () => {
  test('in the file start at the file, in flags at the working directory', async () => {
    const { settings, directory } = await load(
      {
        'app/.wasmrun.toml':
          '[app]\nmodule = "x.wasm"\nenv_file = []\n[build]\noutput = "../o.wasm"\n[watch]\npaths = ["src"]\n',
      },
      { flags: { '--dir': ['data', '/srv:/www:ro', '../up:/up'] } },
      'app',
    );
    expect(settings.app.module).toBe(join(directory, 'app/x.wasm'));
    expect(settings.build.output).toBe(join(directory, 'o.wasm'));
    expect(settings.watch.paths).toEqual([join(directory, 'app/src')]);
    expect(settings.app.directories).toEqual([
      { hostPath: join(directory, 'data'), guestPath: '/data', readOnly: false },
      { hostPath: '/srv', guestPath: '/www', readOnly: true },
      { hostPath: join(directory, '../up'), guestPath: '/up', readOnly: false },
    ]);
  });
});

describe('the environment of the guest', () => {
  test('merges name by name, each with its origin', async () => {
    const { settings, origins } = await load(
      {
        '.wasmrun.toml': '[app]\nenv_file = "base.env"\n\n[app.env]\nB = "file"\nC = "file"\n',
        'base.env': 'A=base\nB=base\nQUOTED="two\nlines"\n',
        'more.env': 'C=more\nD=more\n',
      },
      { flags: { '--env': ['D=flag=1', 'PASSED', 'ABSENT'] }, environment: { PASSED: 'through' } },
    );
    expect(settings.app.env).toEqual({
      A: 'base',
      B: 'file',
      C: 'file',
      D: 'flag=1',
      QUOTED: 'two\nlines',
      PASSED: 'through',
    });
    expect(origins).toMatchObject({
      'app.env.A': './.wasmrun.toml:2:1',
      'app.env.B': './.wasmrun.toml:5:1',
      'app.env.PASSED': 'flag --env',
    });
  });

  test('a later --env-file beats an earlier one and the file', async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-env-'));
    const one = join(directory.path, 'one');
    const two = join(directory.path, 'two');
    await writeFile(one, 'A=1\nB=1');
    await writeFile(two, 'B=2');
    const { settings } = await load(
      { '.wasmrun.toml': '[app]\nenv = { A = "0" }' },
      { flags: { '--env-file': [one, two] } },
    );
    expect(settings.app.env).toEqual({ A: '1', B: '2' });
  });

  test('a name like __proto__ is a name', async () => {
    const { settings } = await load({}, { flags: { '--env': ['__proto__=x'] } });
    expect(Object.entries(settings.app.env)).toEqual([['__proto__', 'x']]);
  });

  test.each([
    [['=x'], 'USAGE', 'flag --env: "" is not the name'],
    [['A B=x'], 'USAGE', 'flag --env: "A B" is not the name'],
    [['A=\0'], 'USAGE', 'flag --env: it contains a NUL'],
  ])('--env %j is refused', async (env, code, message) => {
    const error = await failure({}, { flags: { '--env': env } });
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test('an unreadable environment file names itself and the flag', async () => {
    const error = await failure({}, { flags: { '--env-file': ['missing.env'] } });
    expect(error.code).toBe('ENV_FILE_INVALID');
    expect(error.message).toMatch(/^flag --env-file: .*missing\.env: ENOENT/);
  });
});

describe('invalid flags and variables', () => {
  test.each([
    [{ flags: { '--forward': ['8080->3000'] } }, 'FORWARD_INVALID', 'flag --forward: forward "8080->3000"'],
    [
      { flags: { '--forward': ['1:1', '1:2'] } },
      'FORWARD_DUPLICATE',
      'flag --forward: forwards "1:1" and "1:2"',
    ],
    [{ flags: { '--name': 'Web' } }, 'NAME_INVALID', 'flag --name: "Web"'],
    [{ flags: { '--peer': ['db:x'] } }, 'PEER_INVALID', 'flag --peer: peer "db:x": port "x"'],
    [{ flags: { '--bind': ['x'] } }, 'BIND_INVALID', 'flag --bind: "x"'],
    [{ environment: { WASMRUN_BIND: 'x' } }, 'BIND_INVALID', 'environment WASMRUN_BIND: "x"'],
    [{ environment: { WASMRUN_TRANSPORT: 'x' } }, 'USAGE', 'environment WASMRUN_TRANSPORT: "x"'],
    [{ environment: { WASMRUN_FORWARDS: '1:1,' } }, 'FORWARD_INVALID', 'forward "": it is empty'],
  ])('%j', async (request, code, message) => {
    const error = await failure({}, request);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message), exitStatus: 2 });
  });
});

describe('outbound connections', () => {
  const rules = '[network.egress]\nallow = ["example.org:443"]\n';

  test('rules alone mean that there is a list', async () => {
    const { settings } = await load({ '.wasmrun.toml': rules });
    expect(settings.network).toMatchObject({
      outbound: 'allow-list',
      allow: [{ name: 'example.org', port: 443 }],
    });
  });

  test('a flag turns off what the file allows', async () => {
    const { settings } = await load({ '.wasmrun.toml': rules }, { flags: { '--outbound': 'none' } });
    expect(settings.network.outbound).toBe('none');
  });

  test('rules of a flag that a file makes useless are an error', async () => {
    const file = { '.wasmrun.toml': '[network]\noutbound = "none"\n' };
    const error = await failure(file, { flags: { '--allow-net': ['example.org'] } });
    expect(error).toMatchObject({ code: 'EGRESS_INVALID', hint: 'add --outbound allow-list' });
  });
});
