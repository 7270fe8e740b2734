import * as fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WasmrunError } from '../../src/errors.ts';
import { parseStartScript } from './start-script.ts';

const failure = async (script: string): Promise<WasmrunError> => {
  const result = await parseStartScript(script).catch((error: unknown) => error);
  if (result instanceof WasmrunError) return result;
  throw new Error('the script was accepted', { cause: result });
};

describe('a start script', () => {
  test.each<[string, string, string[], Record<string, string>]>([
    ['node server.js', 'server.js', [], {}],
    ['node .', '.', [], {}],
    ['node ./bin/www 3000 --verbose', './bin/www', ['3000', '--verbose'], {}],
    ['NODE_ENV=production PORT= node server.js', 'server.js', [], { NODE_ENV: 'production', PORT: '' }],
    [
      'cross-env NODE_ENV=production A=b=c node server.js',
      'server.js',
      [],
      { NODE_ENV: 'production', A: 'b=c' },
    ],
    ['A=1 env B=2 exec /usr/bin/node server.js', 'server.js', [], { A: '1', B: '2' }],
    [`node "my server.js" 'a b' c\\ d`, 'my server.js', ['a b', 'c d'], {}],
    ['node -- -odd.js x', '-odd.js', ['x'], {}],
    ['tsx src/server.ts', 'src/server.ts', [], {}],
    ['npx --yes tsx --no-cache src/server.ts --no-cache', 'src/server.ts', ['--no-cache'], {}],
    ['ts-node --transpile-only src/server.ts', 'src/server.ts', [], {}],
    ['node_modules/.bin/ts-node-esm server.mts', 'server.mts', [], {}],
    ['node --import tsx server.ts', 'server.ts', [], {}],
  ])('%s', async (script, file, args, variables) => {
    expect(await parseStartScript(script)).toMatchObject({ file, args, variables });
  });

  test.each([
    ['next start', 'runs next, not a file of Node.js', '[app] module'],
    ['nodemon server.js', 'runs nodemon', '--watch'],
    ['npm run serve', 'runs npm', 'the script started by npm'],
    ['concurrently "node a.js" "node b.js"', 'runs concurrently', '[app] module'],
    ['wasmrun os .', 'runs wasmrun', '[app] module'],
    ['NODE_ENV=production', 'runs nothing', '[app] module'],
    ['', 'is empty', '[app] module'],
    [
      'npm run build && node dist/server.js',
      'more than one plain command',
      '[build] command = "npm run build" and [app] module = "dist/server.js"',
    ],
    ['node a.js & node b.js', 'more than one plain command', '[app] module'],
    ['node a.js &', 'in the background', '[app] module'],
    ['node a.js | pino-pretty', 'more than one plain command', '[app] module'],
    ['node a.js > log', 'redirects', '[app] module'],
    ['node a.js\nnode b.js', 'more than one plain command', '[app] module'],
    ['PORT=${PORT:-3000} node a.js', 'has ${PORT:-3000} filled in by a shell', '[app] module'],
    ['node a.js "$HOME"', 'has "$HOME" filled in by a shell', '[app] module'],
    ['node $(cat main).js', 'filled in by a shell', '[app] module'],
    ['node ~/a.js', 'filled in by a shell', '[app] module'],
    ['node dist/*.js', 'filled in by a shell', '[app] module'],
    ["node 'a.js", 'is not a complete shell command', '[app] module'],
    ['node', 'names no file', '[app] module'],
    ['node -', 'names no file', '[app] module'],
    ['node -e "listen()"', '-e: it runs code that stands in no file', 'the path of the file'],
    ['node --test', '--test: it starts processes', 'leave it out'],
    ['node --inspct server.js', '--inspct: wasmrun does not know it', 'leave it out'],
  ])('%s is refused', async (script, message, hint) => {
    const error = await failure(script);
    expect(error).toMatchObject({ code: 'APP_NOT_RUNNABLE', exitStatus: 126 });
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });

  test('gives its NODE_OPTIONS to node, but not to process.execArgv', async () => {
    const { flags, variables } = await parseStartScript(
      "NODE_OPTIONS='--max-old-space-size=512 --require ./a.js' node -r ./b.js --no-warnings server.js",
    );
    expect(variables).toEqual({ NODE_OPTIONS: '--max-old-space-size=512 --require ./a.js' });
    expect(flags).toEqual({
      options: { '--require': ['./a.js', './b.js'], '--warnings': false },
      execArgv: ['-r', './b.js', '--no-warnings'],
      envFiles: [],
      notices: ['--max-old-space-size of the start script is left out: the app does not run in V8'],
    });
  });

  test('that watches leaves that to wasmrun', async () => {
    for (const script of ['node --watch server.js', 'tsx watch server.js']) {
      const { file, flags } = await parseStartScript(script);
      expect(file).toBe('server.js');
      expect(flags.notices).toEqual([
        '--watch of the start script is left out: wasmrun os … --watch does it',
      ]);
    }
  });
});

describe('what is understood means what it means to sh', () => {
  /** Everything a shell could make something of, but for redirections: those would make files. */
  const text = fc.string({
    unit: fc.constantFrom(...Array.from(`ab =-\\'"$*?[]{},~#&;|()!^%@:/.\n\t\``)),
    maxLength: 20,
  });

  /** Runs the script with a `node` that prints its arguments and the variable A. */
  const askShell = (directory: string, script: string): string[] =>
    execFileSync('/bin/sh', ['-c', script], {
      cwd: directory,
      env: { PATH: directory, HOME: '/home-of-nobody' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).split('\0');

  test('words and variables', async () => {
    using directory = mkdtempDisposableSync(join(tmpdir(), 'wasmrun-sh-'));
    const node = join(directory.path, 'node');
    writeFileSync(node, `#!/bin/sh\nprintf '%s\\0' "$@" "$A"\n`);
    chmodSync(node, 0o755);
    let understood = 0;
    await fc.assert(
      fc.asyncProperty(text, text, async (value, words) => {
        const script = `A=${value} node file ${words}`;
        const parsed = await parseStartScript(script).catch(() => undefined);
        if (parsed === undefined) return;
        understood += 1;
        const { file, args, variables } = parsed;
        expect(askShell(directory.path, script)).toEqual([file, ...args, variables['A'] ?? '', '']);
      }),
      { numRuns: 1500 },
    );
    expect(understood).toBeGreaterThan(20);
  });

  test('anything is either understood or refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(text, fc.string()), async (script) => {
        const result = await parseStartScript(script).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toBeInstanceOf(WasmrunError);
      }),
    );
  });
});
