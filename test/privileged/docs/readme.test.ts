/** Every snippet of README.md is run, and does what is said there; those that cannot be are listed with the reason. */
import { readFileSync } from 'node:fs';
import { cp, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CliRun } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { copyExample } from '../../helpers/example-app.ts';
import { patternOf } from '../../helpers/markdown-snippets.ts';
import { OrdinaryUser } from '../../helpers/ordinary-user.ts';
import { copyPythonExample } from '../../helpers/python-app.ts';
import { NOT_RUN, ROOT, SNIPPETS, commandsIn, reasonFor } from './readme-snippets.ts';
import { createReadmeMachine, expectComments, interrupt } from './readme-machine.ts';
import type { ReadmeMachine } from './readme-machine.ts';

let machine: ReadmeMachine;
beforeAll(async () => {
  machine = await createReadmeMachine();
});
afterAll(async () => {
  const left = await machine.run('ip netns list; ls /run/wasmrun /var/lib/wasmrun 2>/dev/null');
  expect(left.stdout).toBe('');
  await machine[Symbol.asyncDispose]();
});

const tested = new Set<number>();

/** Runs the snippet that begins so. */
const snippet = (begin: string, title: string, action: (text: string) => Promise<void>): void => {
  const found = SNIPPETS.filter(({ text }) => text.startsWith(begin));
  for (const { line } of found) tested.add(line);
  test(`${title}: ${begin.split('\n')[0]}`, async () => {
    expect(found, 'snippets that begin so').toHaveLength(1);
    await action(found[0]!.text);
  });
};

const curl = async (url: string): Promise<string> =>
  (await machine.run(`curl --silent --show-error --retry 5 --retry-connrefused --max-time 20 ${url}`)).stdout;

/** Ends it, after it was seen to answer there. */
const answersAt = async (run: CliRun, url: string, answer: RegExp | string = /./): Promise<void> => {
  await run.url();
  expect(await curl(url)).toMatch(answer);
  await interrupt(run);
};

describe('the command', () => {
  snippet('# npm start', 'a session as it is shown', async (text) => {
    const lines = text.split('\n').filter((line) => line !== '');
    const [, echoed, ...shown] = lines.filter((line) => !line.startsWith(' '));
    const inside = lines.filter((line) => line.startsWith(' ')).map((line) => line.trim());
    const session = machine.start('trap : INT; npm start; echo "status $?"');
    const untilInterrupt = shown.slice(0, shown.indexOf('^C'));
    expect(untilInterrupt).toHaveLength(3);
    // The app's own line and the forward come in any order.
    for (const line of [echoed!, ...untilInterrupt]) await session.printed(new RegExp(RegExp.escape(line)));
    // Typed in a second terminal: a command, then what it prints.
    const dialogue = inside.join('\n').split(/^# /m).slice(1);
    expect(dialogue).toHaveLength(4);
    for (const part of dialogue) {
      const [command = '', ...output] = part.trim().split('\n');
      expect((await machine.run(command)).stdout.trim().replaceAll(/ +$/gm, '')).toBe(output.join('\n'));
    }
    const [, status] = /# echo \$\?\n(\d+)\n/.exec(text) ?? [];
    expect((await interrupt(session)).stdout).toContain(`status ${status}`);
    expect(await machine.run('ip netns list')).toMatchObject({ stdout: '' });
  });

  snippet('npx wasmrun --help', 'from a checkout', async (text) => {
    for (const command of commandsIn(text)) {
      // npx looks for a real one; it would build the checkout anew for that, under the feet of other tests.
      const typed = `cd ${ROOT} && npm_config_ignore_scripts=true ${command}`;
      expect(await machine.run(typed)).toMatchObject({
        status: 0,
        stdout: expect.stringContaining('wasmrun os') as string,
      });
    }
  });

  snippet('wasmrun os <app> ', 'the usage', async (text) => {
    expect((await machine.run('wasmrun os --help')).stdout.split('\n')[0]).toBe(`Usage: ${text}`);
  });

  snippet('source <(wasmrun completion bash)', 'the completion', async (text) => {
    const { stdout } = await machine.run(`${text}; complete -p wasmrun`);
    expect(stdout).toMatch(/^complete .*wasmrun\n$/);
  });
});

describe('apps', () => {
  snippet('/* server.c */', 'a server in C, with the commands below it', async (text) => {
    await writeFile(join(machine.directory, 'server.c'), `${text}\n`);
  });

  snippet('apt-get install clang', 'how it is compiled and run', async (text) => {
    const [compile = '', run = '', ...others] = commandsIn(text);
    expect(others).toEqual([]);
    expect(await machine.run(compile)).toMatchObject({ status: 0, stderr: '' });
    await answersAt(machine.start(run), 'http://localhost:8080', /^Hello$/m);
  });

  const lay = async (example: string, copy: { readonly path: string } & AsyncDisposable): Promise<void> => {
    await using _ = copy;
    await cp(copy.path, join(machine.directory, 'examples', example), {
      recursive: true,
      verbatimSymlinks: true,
    });
  };

  snippet('cd examples/express-api', 'Express', async (text) => {
    await lay('express-api', await copyExample('express-api'));
    const run = machine.start(['cd examples/express-api', ...commandsIn(text)].join(' && '));
    await answersAt(run, 'http://localhost:8080');
  });

  snippet('$ wasmrun os examples/websocket-chat --watch', 'web sockets', async (text) => {
    await lay('websocket-chat', await copyExample('websocket-chat'));
    await answersAt(machine.start(commandsIn(text).join()), 'http://localhost:8080');
  });

  snippet('pip install --target examples/flask-api', 'Flask', async (text) => {
    await lay('flask-api', await copyPythonExample('flask-api'));
    await answersAt(machine.start(commandsIn(text).join()), 'http://localhost:3000');
  });
});

describe('what it says', () => {
  const HELLO = 'wasmrun os examples/hello-wasm --forward 8080:3000';

  snippet('error: host port 8080 is already in use', 'of a busy port', async (text) => {
    await using other = machine.start('exec -a python3 python3 -m http.server 8080 --bind 127.0.0.1');
    await machine.run('until curl --silent --output /dev/null localhost:8080; do sleep 0.1; done');
    const { stderr, status } = await machine.run(HELLO);
    expect(status).toBe(125);
    expect(stderr).toMatch(patternOf(text, { '25345': '\\d+' }));
    expect(other.process.exitCode).toBe(null);
  });

  snippet('refused: web → 203.0.113.9:443', 'of a refused connection', async (text) => {
    const { stderr } = await machine.run(
      `wasmrun os ${guestPath('client-wasmedge')} --name web -- 203.0.113.9 443`,
    );
    expect(stderr).toContain(`${text}\n`);
  });

  snippet(
    '$ wasmrun os examples/hello-wasm --forward 8080:3000\nhello-wasm  (isolation',
    'without root',
    async (text) => {
      using user = new OrdinaryUser();
      const [, ...lines] = text.split('\n');
      await using run = machine.inNetwork(() =>
        user.start(HELLO.split(' ').slice(1), { cwd: machine.directory, prefix: 'wasmrun' }),
      );
      await run.url();
      for (const line of lines) expect(`${run.stdout()}${run.stderr()}`).toContain(`${line}\n`);
      run.process.kill('SIGINT');
      expect((await run.ended).status).toBe(130);
    },
  );

  snippet('error: without root wasmrun needs user namespaces', 'where those are forbidden', async (text) => {
    using user = new OrdinaryUser();
    // In a user namespace around the command; the machine's own setting is left alone.
    const forbid = ['unshare', '--user', '--map-current-user', '--keep-caps', '--', 'sh', '-c'];
    const script =
      'echo 0 >/proc/sys/user/max_user_namespaces || exit 99; exec setpriv --inh-caps=-all --ambient-caps=-all "$@"';
    const { stderr } = await user.run(HELLO.split(' ').slice(1), {
      cwd: machine.directory,
      through: [...forbid, script, 'sh'],
    });
    expect(stderr).toBe(`${text}\n`);
  });

  snippet('{"type":"forward"', 'with --json', async (text) => {
    const run = machine.start(`${HELLO} --json`);
    await run.printed(/"type":"forward"/);
    expect((await interrupt(run)).stdout.split('\n')).toContain(text);
  });

  snippet('# wasmrun os examples/hello-wasm --forward 8080:3000 --plan', 'with --plan', async (text) => {
    const [command = '', ellipsis, ...shown] = text.split('\n');
    expect(ellipsis).toBe('…');
    const { stdout } = await machine.run(commandsIn(command).join());
    expect(stdout).toContain(`${shown.join('\n')}\n`);
  });
});

describe('databases', () => {
  snippet('wasmrun os examples/postgres-app', 'one is asked', async (text) => {
    await using run = machine.start(commandsIn(text)[0]!);
    await run.url();
    expect((await machine.run(commandsIn(text)[1]!)).stdout).toContain('The Time Machine');
    await interrupt(run);
  });
  snippet('[app]\nlanguage = "postgres"\nname = "db"', 'what it is made from', async (text) =>
    expect(readFileSync(join(ROOT, 'examples/postgres-app/.wasmrun.toml'), 'utf8')).toContain(text),
  );

  const lay = (name: string, program?: string) => async (text: string) => {
    const directory = join(machine.directory, name);
    await mkdir(directory);
    await writeFile(join(directory, '.wasmrun.toml'), text);
    if (program === undefined) return;
    await copyFile(join(ROOT, 'test/privileged/nodejs/programs', program), join(directory, 'server.js'));
    await writeFile(join(directory, 'package.json'), '{}');
  };
  snippet('[app]\nname = "db"', 'a database', lay('db'));
  snippet('[app]\nname = "web"', 'and who uses it', lay('web', 'database-question.cjs'));

  snippet('# wasmrun os db --detach', 'one reaches the other', async (text) => {
    for (const command of commandsIn(text)) {
      expect(await machine.run(command)).toMatchObject({ status: 0 });
    }
    await expect.poll(() => curl('http://localhost:8080'), { timeout: 15_000 }).toBe('N');
    await machine.run('wasmrun rm --force web; wasmrun rm --force db');
  });

  snippet('refused: web → db: not a peer', 'what is said of one that may not', async (text) => {
    await using db = machine.start(`wasmrun os ${guestPath('hello-wasmedge')} --name db`);
    await db.printed(/listening on/);
    const { stderr } = await machine.run(`wasmrun os ${guestPath('client-wasmedge')} --name web -- db 5432`);
    expect(stderr).toContain(`${text}\n`);
    await interrupt(db);
  });
});

describe('settings', () => {
  snippet('[app]\nmodule = "server.wasm"', 'a file with a build', async (text) => {
    const { directory } = machine;
    const project = join(directory, 'project');
    await machine.run('mkdir -p project/public');
    await writeFile(join(project, '.wasmrun.toml'), text);
    await writeFile(
      join(project, 'Makefile'),
      `server.wasm:\n\tcp ${guestPath('hello-wasmedge')} server.wasm\n`,
    );
    await answersAt(machine.start('wasmrun os project'), 'http://localhost:8080', /Hello/);
  });

  snippet('[network]\nforwards = ["8080:3000"]  ', 'config show --origin', async (text) => {
    const { stdout } = await machine.run(
      'WASMRUN_TRANSPORT=handoff wasmrun config show ./examples/hello-wasm --origin',
    );
    for (const line of text.split('\n')) {
      const squeezed = line.replaceAll(/ +/g, ' ');
      expect(stdout.split('\n').map((each) => each.replaceAll(/ +/g, ' '))).toContain(squeezed);
    }
  });
});

describe('while it runs', () => {
  let watching: CliRun;

  snippet('$ wasmrun os ./app --forward 8080:3000 --watch', 'live reload', async (text) => {
    watching = machine.start(commandsIn(text).join());
    await watching.url();
  });

  snippet('reloaded  server.wasm', 'what that says', async (text) => {
    const [reloaded = '', failed = ''] = text.split('\n');
    const server = join(machine.directory, 'app/server.wasm');
    await copyFile(guestPath('hello-wasix'), server);
    await watching.printed(patternOf(reloaded, { '72': '\\d+' }));
    await writeFile(server, 'no module');
    await watching.printed(patternOf(failed));
    await interrupt(watching);
    await copyFile(guestPath('hello-wasmedge'), server);
  });

  snippet('wasmrun os ./app --name web --forward 8080:3000 --detach', 'in the background', async (text) => {
    expect(await machine.run(text)).toMatchObject({ status: 0, stdout: 'web\n' });
  });

  snippet('# wasmrun port expose web 9000:3000', 'ports', async (text) => {
    const connection = '/dev/tcp/127.0.0.1/8080';
    await using clients = machine.start(`exec 3<>${connection} 4<>${connection}; echo connected; sleep 60`);
    await clients.printed(/connected/);
    for (const part of text.split(/^# /m).slice(1)) {
      const [command = '', ...output] = part.trimEnd().split('\n');
      expect((await machine.run(command)).stdout.trimEnd().replaceAll(/ +$/gm, '')).toBe(output.join('\n'));
    }
    await machine.run('wasmrun port close web 9000:3000');
  });

  snippet(
    "import { Sandbox, WasmrunError } from 'wasmrun';\n\nawait using web",
    'driven by a program',
    async (text) => {
      await printsItsComments(text);
      await machine.run('wasmrun rm --force web');
    },
  );

  snippet('# wasmrun explain web 8080', 'explained', async (text) => {
    await using run = machine.start(
      `wasmrun os ${guestPath('hello-wasmedge')} --name web --forward 8080:3000 -- 4000`,
    );
    await run.printed(/listening on/);
    const [command = '', ...output] = text.split('\n');
    const { stdout, status } = await machine.run(commandsIn(command).join());
    expect(status).toBe(1);
    // Here there were some before.
    const connections = 'open connections;(?: the last one ended \\d+ s ago;)?';
    const varying = { '4021': '\\d+', '4030': '\\d+', 'open connections;': connections };
    expect(stdout.trimEnd()).toMatch(patternOf(output.join('\n'), varying));
    await interrupt(run);
  });
});

const printsItsComments = (text: string): Promise<void> => expectComments(machine, text);

describe('the library', () => {
  snippet("import { Sandbox } from 'wasmrun';\n\nawait using sandbox", 'a scope', printsItsComments);
  snippet("import { Sandbox } from 'wasmrun';\n\nconst controller", 'a signal', printsItsComments);
});

describe('what is not run', () => {
  test.each(Object.entries(NOT_RUN))('%s (%s)', (begin) => {
    const lines = SNIPPETS.flatMap(({ text }) => text.split('\n'));
    expect(lines.filter((line) => line.startsWith(begin))).toHaveLength(1);
  });

  test('is nothing else', () => {
    const others = SNIPPETS.filter(({ line, text }) => !tested.has(line) && reasonFor(text) === undefined);
    expect(others).toEqual([]);
  });
});
