/** The real command in a real process: what it prints where, and how it ends. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layOutCheckout } from './checkout.ts';

const MODULE = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

/** Where the command runs, and the command. */
let directory: string;
let command: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wasmrun-cli-'));
  await mkdir(join(directory, '.git'));
  command = await layOutCheckout(join(directory, 'checkout'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

const place = async (files: Record<string, string | Buffer>) => {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
};

interface Ending {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const wasmrun = (
  args: readonly string[],
  options: { node?: string; env?: Record<string, string> } = {},
): Promise<Ending> => {
  // Colours would depend on where the tests run.
  const { FORCE_COLOR: _force, NO_COLOR: _no, ...inherited } = process.env;
  return new Promise((resolve) => {
    const child = execFile(
      options.node ?? process.execPath,
      [command, ...args],
      { cwd: directory, env: { ...inherited, ...options.env } },
      (_error, stdout, stderr) => resolve({ status: child.exitCode ?? -1, stdout, stderr }),
    );
  });
};

describe('help and version', () => {
  test('are answers: standard output, status 0', async () => {
    const version = await wasmrun(['--version']);
    expect(version).toMatchObject({ status: 0, stderr: '' });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const args of [['--help'], ['os', '--help'], ['help', 'os'], ['config', 'show', '-h']]) {
      const help = await wasmrun(args);
      expect(help).toMatchObject({ status: 0, stderr: '' });
      expect(help.stdout).toContain('Usage: wasmrun');
      expect(help.stdout).toContain('$ wasmrun');
    }
  });

  test('without a command the help goes to standard error, status 2', async () => {
    const ending = await wasmrun([]);
    expect(ending).toMatchObject({ status: 2, stdout: '' });
    expect(ending.stderr).toContain('Usage: wasmrun');
  });

  test('a closed reader is no failure', async () => {
    const ending = await new Promise<number | null>((resolve) => {
      const child = execFile(process.execPath, [command, '--help']);
      child.stdout?.destroy();
      child.on('exit', resolve);
    });
    expect(ending).toBe(0);
  });
});

describe('wrong usage ends with 2', () => {
  test.each([
    [['oss'], "error: unknown command 'oss'", 'hint: did you mean os?'],
    [['os'], "error: missing required argument 'app'", 'hint: wasmrun --help'],
    [['os', '.', '--forwrd', '1:1'], "error: unknown option '--forwrd'", 'hint: did you mean --forward?'],
    [['os', '.', '--forward'], "option '--forward <spec>' argument missing", 'hint: '],
    [['os', '.', 'extra'], 'too many arguments', 'hint: arguments for the app itself go after --'],
    [
      ['os', '.', '--forward', '8080->3000'],
      'flag --forward: forward "8080->3000"',
      'hint: did you mean 8080:3000?',
    ],
    [['os', '.', '--forward', '1:1', '--forward', '1:2'], 'both use host port 1', 'hint: give one of them'],
    [['os', '.', '--forward', '53:53/sctp'], '"sctp" is not a protocol', 'hint: write 53:53 for TCP'],
    [['os', '.', '--name', 'Web'], 'flag --name: "Web" cannot be the name', 'hint: use 1–32'],
    [['os', '.', '--transport', 'ipfw'], 'flag --transport: "ipfw" is not one of', 'hint: choose'],
    [
      ['os', '.', '--plan', '--forward', '0:1'],
      'flag --forward: forward "0:1"',
      'hint: for any free host port',
    ],
    [
      ['os', '.', '--dir', 'x:y'],
      'flag --dir: "y" is not an absolute path',
      'hint: paths inside the sandbox',
    ],
    [['config'], 'Usage: wasmrun config', ''],
  ])('%j', async (args, message, hint) => {
    const ending = await wasmrun(args);
    expect(ending).toMatchObject({ status: 2, stdout: '' });
    expect(ending.stderr).toContain(message);
    expect(ending.stderr).toContain(hint);
  });

  test('a forgotten "os" is recognised', async () => {
    await place({ 'forgotten/a.wasm': MODULE });
    const ending = await wasmrun(['forgotten/a.wasm']);
    expect(ending.status).toBe(2);
    expect(ending.stderr).toContain('hint: to run an app write: wasmrun os forgotten/a.wasm');
  });

  test('as JSON on standard output with --json', async () => {
    const ending = await wasmrun(['os', '.', '--json', '--forwrd']);
    expect(ending).toMatchObject({ status: 2, stderr: '' });
    expect(JSON.parse(ending.stdout)).toEqual({
      type: 'error',
      code: 'USAGE',
      message: "unknown option '--forwrd'",
      hint: 'did you mean --forward?',
      exitStatus: 2,
    });
  });
});

describe('an app that cannot run', () => {
  test.each<[string, Record<string, string | Buffer>, string[], number, string, string]>([
    ['missing', {}, ['nowhere'], 127, 'error: nowhere does not exist', 'hint: give the path'],
    [
      'not-wasm',
      { 'not-wasm/a.wasm': 'hello' },
      ['not-wasm'],
      126,
      'not a WebAssembly module',
      'hint: compile',
    ],
    [
      'component',
      { 'c.wasm': Buffer.from([0, 0x61, 0x73, 0x6d, 13, 0, 1, 0]) },
      ['c.wasm'],
      126,
      'is a WebAssembly component',
      'hint: build it for wasm32-wasip1',
    ],
    [
      'nodejs',
      { 'node/package.json': '{"scripts":{"start":"next start"}}' },
      ['node'],
      126,
      'runs next, not a file of Node.js',
      'hint: name the file that starts the app',
    ],
    [
      'several',
      { 'two/a.wasm': MODULE, 'two/b.wasm': MODULE },
      ['two'],
      126,
      '2 .wasm files: a.wasm, b.wasm',
      'two/a.wasm',
    ],
    [
      'ambiguous',
      { 'both/a.wasm': MODULE, 'both/package.json': '{"main":"s.js"}', 'both/s.js': '' },
      ['both'],
      126,
      'wasm (a.wasm), nodejs (main of package.json)',
      '--language wasm or --language nodejs',
    ],
    [
      'unknown language',
      { 'x/a.wasm': MODULE },
      ['x', '--language', 'ruby'],
      126,
      'there is no runtime "ruby"',
      'choose one of wasm, nodejs, python, postgres, or leave',
    ],
    [
      'failing build',
      { 'build/.wasmrun.toml': '[build]\ncommand = "false"' },
      ['build'],
      125,
      'it ended with status 1',
      '[build] command',
    ],
  ])('%s', async (_, files, args, status, message, hint) => {
    await place(files);
    const ending = await wasmrun(['os', ...args]);
    expect(ending).toMatchObject({ status, stdout: '' });
    expect(ending.stderr).toContain(message);
    expect(ending.stderr).toContain(hint);
  });
});

describe('.wasmrun.toml', () => {
  test('an invalid one is shown with line, column and caret, before anything else', async () => {
    await place({
      'invalid/.wasmrun.toml': '[network]\nforwards = ["8080:70000"]\n',
      'invalid/package.json': '',
    });
    const ending = await wasmrun(['os', 'invalid']);
    expect(ending).toEqual({
      status: 2,
      stdout: '',
      stderr: [
        'error: ./invalid/.wasmrun.toml:2:13: forward "8080:70000": port 70000 is outside 1–65535',
        '    2 | forwards = ["8080:70000"]',
        '      |             ^^^^^^^^^^^^',
        'hint: choose a process port from 1 to 65535',
        '',
      ].join('\n'),
    });
  });

  test('config show --origin says where each value comes from', async () => {
    await place({
      'shown/.wasmrun.toml': '[app]\nname = "web"\n\n[network]\n  bind = "127.0.0.1"\nforwards = ["1:2"]\n',
    });
    const ending = await wasmrun(['config', 'show', 'shown', '--origin'], {
      env: { WASMRUN_FORWARDS: '8080:3000,9' },
    });
    expect(ending).toMatchObject({ status: 0, stderr: '' });
    const lines = ending.stdout.split('\n').map((line) => line.replace(/ +# /, ' # '));
    expect(lines).toEqual(
      expect.arrayContaining([
        `# ${join(directory, 'shown/.wasmrun.toml')}`,
        'name = "web" # ./shown/.wasmrun.toml:2:1',
        'bind = ["127.0.0.1"] # ./shown/.wasmrun.toml:5:3',
        'forwards = ["8080:3000", "9"] # environment WASMRUN_FORWARDS',
        'transport = "auto" # default',
      ]),
    );
  });

  test('config show --json is one document', async () => {
    const ending = await wasmrun(['config', 'show', '--json', '--origin'], { env: { WASMRUN_BIND: '::1' } });
    expect(ending).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(ending.stdout)).toMatchObject({
      configFile: null,
      settings: { network: { bind: ['::1'], namespacePrefix: 'wasmrun' } },
      origins: { 'network.bind': 'environment WASMRUN_BIND', 'network.transport': 'default' },
    });
  });
});

describe('gc', () => {
  const env = { WASMRUN_NAMESPACE_PREFIX: `t${randomBytes(3).toString('hex')}` };

  test('where nothing is left prints nothing, or an empty list', async () => {
    expect(await wasmrun(['gc'], { env })).toMatchObject({ status: 0, stdout: '' });
    expect((await wasmrun(['gc', '--json'], { env })).stdout).toBe('{"removed":[]}\n');
  });

  test('checks the prefix before it touches anything', async () => {
    const ending = await wasmrun(['gc'], { env: { WASMRUN_NAMESPACE_PREFIX: '../x' } });
    expect(ending).toMatchObject({ status: 2, stdout: '' });
    expect(ending.stderr).toContain(
      'environment WASMRUN_NAMESPACE_PREFIX: "../x" cannot be a namespace prefix',
    );
  });
});

describe('the Node underneath', () => {
  test('colours are written when asked for and only then', async () => {
    const coloured = await wasmrun(['os', 'nowhere'], { env: { FORCE_COLOR: '1' } });
    expect(coloured.stderr).toContain('\u001B[31merror:\u001B[39m');
    const plain = await wasmrun(['os', 'nowhere'], { env: { NO_COLOR: '1' } });
    expect(plain.stderr).not.toContain('\u001B');
  });

  test('a cache that cannot be written does no harm', async () => {
    const ending = await wasmrun(['--version'], { env: { XDG_CACHE_HOME: '/dev/null/cache' } });
    expect(ending).toMatchObject({ status: 0, stderr: '' });
  });
});
