import { chown, mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadSettings } from '../../../src/config/settings.ts';
import { failure, load } from './load-settings.ts';

const configFailure = (source: string) => failure({ '.wasmrun.toml': source });

describe('where the file is found', () => {
  test('above the app, up to the git root and no further', async () => {
    const outside = { '.wasmrun.toml': '[app]\nname = "outside"' };
    expect((await load(outside, {}, 'repo/app')).settings.app.name).toBe('outside');

    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-git-'));
    await mkdir(join(directory.path, 'repo/.git'), { recursive: true });
    await mkdir(join(directory.path, 'repo/app'), { recursive: true });
    await writeFile(join(directory.path, '.wasmrun.toml'), '[app]\nname = "outside"');
    const request = {
      flags: {},
      environment: {},
      workingDirectory: '/',
      appDirectory: join(directory.path, 'repo/app'),
    };
    expect((await loadSettings(request)).settings.app.name).toBeUndefined();
    await writeFile(join(directory.path, 'repo/.wasmrun.toml'), '[app]\nname = "inside"');
    const { settings } = await loadSettings(request);
    expect(settings.app.name).toBe('inside');
    expect(settings.configFile).toBe(join(directory.path, 'repo/.wasmrun.toml'));
  });

  test('not above the home directory', async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-home-'));
    const home = join(directory.path, 'home');
    await mkdir(join(home, 'app'), { recursive: true });
    await writeFile(join(directory.path, '.wasmrun.toml'), '[app]\nname = "outside"');
    const { settings } = await loadSettings({
      flags: {},
      environment: { HOME: home },
      workingDirectory: '/',
      appDirectory: join(home, 'app'),
    });
    expect(settings.configFile).toBeUndefined();
  });

  test.runIf(process.geteuid?.() === 0)(
    'not when it belongs to another user (needs root to make one)',
    async () => {
      await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-foreign-'));
      const file = join(directory.path, '.wasmrun.toml');
      const app = join(directory.path, 'app');
      await mkdir(app);
      await writeFile(file, '[build]\ncommand = "steal"');
      await chown(file, 54_321, 54_321);
      const request = { flags: {}, environment: {}, workingDirectory: '/', appDirectory: app };
      await expect(loadSettings(request)).rejects.toMatchObject({
        code: 'CONFIG_UNREADABLE',
        message: expect.stringContaining('belongs to another user (uid 54321)'),
      });
      const invoker = { ...request, environment: { SUDO_UID: '54321' } };
      expect((await loadSettings(invoker)).settings.build.command).toBe('steal');
    },
  );

  test('a directory of that name is an error', async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-dir-'));
    await mkdir(join(directory.path, '.wasmrun.toml'));
    const request = { flags: {}, environment: {}, workingDirectory: '/', appDirectory: directory.path };
    await expect(loadSettings(request)).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
  });
});

describe('an invalid file', () => {
  test('is shown with line, column and a caret under the text', async () => {
    const error = await configFailure('[network]\n\nforwards = ["8080:3000",\n\t"8081:70000"]\n');
    expect(error.message).toBe(
      [
        './.wasmrun.toml:4:2: forward "8081:70000": port 70000 is outside 1–65535',
        '    4 | \t"8081:70000"]',
        '      | \t^^^^^^^^^^^^',
      ].join('\n'),
    );
    expect(error.hint).toBe('choose a process port from 1 to 65535');
    expect(error.exitStatus).toBe(2);
  });

  test.each<[string, string, string, string]>([
    ['[network]\nforward = ["1:1"]', '2:1', 'unknown key "forward" in [network]', 'did you mean forwards?'],
    ['[network]\nfnord = 1', '2:1', 'unknown key "fnord"', '[network] knows forwards, bind'],
    ['[app]\ntransport = "auto"', '2:1', 'unknown key "transport" in [app]', 'it belongs below [network]'],
    ['[netwrok]\n', '1:2', 'there is no table [netwrok]', 'did you mean [network]?'],
    [
      '[other]\n',
      '1:2',
      'there is no table [other]',
      '[app], [build], [network], [network.egress], [postgres], [watch]',
    ],
    ['[network.egress]\nalow = []', '2:1', 'unknown key "alow" in [network.egress]', 'did you mean allow?'],
    ['[network]\negress = 3', '2:1', 'network.egress must be a table', '[network.egress]'],
    ['[network.egress]\nallow = ["a:b"]', '2:10', 'port "b" is not a number', 'example.org:443'],
    ['bind = "::1"', '1:1', '"bind" stands outside its table', 'below a line [network]'],
    ['app = 3', '1:1', 'app must be a table, not an integer', '[app]'],
    ['[[app]]\nname = "x"', '1:3', 'app must be a table, not a list', '[app]'],
    ['__proto__ = 1', '1:1', 'there is no table [__proto__]', 'the tables are'],
    ['[app]\n__proto__ = 1', '2:1', 'unknown key "__proto__"', '[app] knows'],
    [
      '[network]\nforwards = "8080:3000"',
      '2:12',
      'forwards must be a list of strings, not a string',
      'write forwards = ["8080:3000"]',
    ],
    [
      '[network]\nforwards = [3000]',
      '2:13',
      'every entry of forwards must be a string, not an integer',
      '["8080:3000"]',
    ],
    ['[network]\nforwards = ["1:1",\n "1:2"]', '3:2', 'both use host port 1', 'another host port'],
    ['network.forwards = ["1:1", "127.0.0.1:1:2"]', '1:28', 'both use host port 1', 'another host port'],
    ['[network]\nbind = ["0.0.0.0", "::1"]', '2:20', '"0.0.0.0" and "::1" overlap', 'only one'],
    ['[network]\nbind = []', '2:8', 'the list is empty', 'leave the setting out'],
    ['[network]\nbind = "here"', '2:8', '"here" is not an IP address', '127.0.0.1'],
    [
      '[network]\ntransport = "ipfw"',
      '2:13',
      '"ipfw" is not one of',
      '"auto" or "nftables" or "iptables" or "pf" or "handoff"',
    ],
    [
      '[network]\nisolation = "none"',
      '2:13',
      '"none" is not one of',
      '"auto" or "namespace" or "user-namespace" or "virtual"',
    ],
    ['[network]\nnamespace_prefix = "Wasm"', '2:20', '"Wasm" cannot be a namespace prefix', '1–8 lower-case'],
    ['[network]\naddress_pool = "10.0.0.1/8"', '2:16', 'is an address inside a network', 'write 10.0.0.0/8'],
    ['[network]\naddress_pool = ["10.0.0.0/8", "10.0.0.0/32"]', '2:31', 'too small', '/31'],
    ['[network]\naddress_pool = "127.0.0.0/8"', '2:16', 'cannot be routed', 'RFC 1918'],
    ['[app]\nname = "My App"', '2:8', '"My App" cannot be the name of a sandbox', 'lower-case'],
    ['[app]\nname = true', '2:8', 'name must be a string, not a boolean', 'write name = "web"'],
    ['[app]\nname = 2020-01-01', '2:8', 'name must be a string, not a date', '"web"'],
    ['[app]\nenv = { A = 1 }', '2:13', 'every entry of env must be a string', 'LOG_LEVEL'],
    ['[app.env]\n"A B" = "1"', '2:9', '"A B" is not the name of an environment variable', 'NAME=VALUE'],
    ['[app]\nenv_file = "missing"', '2:12', 'cannot use the environment file', 'readable'],
    ['[app]\ndirs = ["a:b"]', '2:9', '"b" is not an absolute path', 'write /b'],
    ['[app]\ndirs = ["a:/b:rw"]', '2:9', 'only "ro" may follow', 'HOST:/guest/path:ro'],
    ['[app]\ndirs = ["../a"]', '2:9', 'lies outside', 'write ../a:/guest/path'],
    ['[app]\nmemory = "lots"', '2:10', '"lots" is not a size of memory', '256m'],
    ['[app]\nmemory = "1m"', '2:10', '1m of memory is too little', '32m'],
    ['[app]\nmemory = "4g"', '2:10', '4g is more than WebAssembly has', '3584m'],
    ['[app]\ntmpfs = ["cache"]', '2:10', '"cache" is not an absolute path', '/cache'],
    ['[build]\ncommand = "make && true"', '2:11', 'contains &, but no shell reads it', '["sh", "-c"'],
    ['[build]\ncommand = []', '2:11', 'names no program', 'write the program'],
    [
      '[watch]\ndebounce_ms = 1.5',
      '2:15',
      'debounce_ms must be an integer, not a number',
      'debounce_ms = 100',
    ],
    ['[watch]\ndebounce_ms = -1', '2:15', '-1 is outside 0–60000', 'from 0 to 60000'],
    ['[app]\nname = web', '2:8', 'invalid value', 'texts need quotes'],
    ['[app]\nname = "a"\nname = "b"', '3:1', 'redefine', 'see .wasmrun.toml.example'],
    ['[app]\nname = "\u001B[31m"', '2:9', '�[31m', 'see .wasmrun.toml.example'],
  ])('%j', async (source, place, sentence, hint) => {
    const error = await configFailure(source);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message.startsWith(`./.wasmrun.toml:${place}: `), error.message).toBe(true);
    expect(error.message).toContain(sentence);
    expect(error.message).not.toContain('\u001B');
    expect(error.hint).toContain(hint);
  });

  test('text that is not UTF-8', async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-utf8-'));
    await writeFile(join(directory.path, '.wasmrun.toml'), Buffer.from([0x61, 0xff]));
    const request = { flags: {}, environment: {}, workingDirectory: '/', appDirectory: directory.path };
    await expect(loadSettings(request)).rejects.toThrow('it is not UTF-8 text');
  });

  test('a byte order mark and Windows line ends are fine', async () => {
    const { settings, origins } = await load({ '.wasmrun.toml': '\uFEFF[app]\r\nname = "x"\r\n' });
    expect(settings.app.name).toBe('x');
    expect(origins['app.name']).toBe('./.wasmrun.toml:2:1');
  });
});
