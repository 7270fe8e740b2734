/** Keys at a real terminal while an app is watched; without a terminal there are none. */
import { chmod, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BIN, childrenOf, eventually, newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { createApp, enginesOf, get, stop, watch } from '../../helpers/live-app.ts';
import type { LiveApp } from '../../helpers/live-app.ts';

/** script(1) gives the command a terminal; afterwards the terminal is asked how it was left. */
const AT_A_TERMINAL = [
  'script',
  '--quiet',
  '--return',
  '--command',
  '"$BIN" os "$APP" $FLAGS; status=$?; stty -a; exit $status',
  '/dev/null',
] as const;
const CTRL_C = '\x03';
const ARROW_UP = '\x1b[A';

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
afterEach(() => {
  expect(remains(prefix)).toEqual([]);
});

interface Terminal extends AsyncDisposable {
  readonly run: CliRun;
  press(keys: string): void;
  /** Process id of the command itself. */
  supervisor(): number;
  /** Resolves when a version is in charge, alone. */
  serves(generation: number): Promise<void>;
}

const openTerminal = (
  path: string,
  { flags = '--watch', env = {} }: { flags?: string; env?: Readonly<Record<string, string>> } = {},
): Terminal => {
  const run = startCli([], {
    command: AT_A_TERMINAL,
    prefix,
    env: { BIN, APP: path, FLAGS: flags, SHELL: '/bin/sh', ...env },
    keepStdin: true,
  });
  // script, its shell, the command.
  const supervisor = (): number => childrenOf(childrenOf(run.process.pid!)[0]!)[0]!;
  return {
    run,
    press: (keys) => void run.process.stdin!.write(keys),
    supervisor,
    async serves(generation) {
      if (generation === 1) await run.printed(/press r to restart, o to open, q to quit/);
      else await run.printed(new RegExp(`^reloaded  v${generation}  \\d+ ms\r?$`, 'm'));
      expect(await eventually(() => enginesOf(supervisor()).length === 1, 10_000)).toBe(true);
    },
    async [Symbol.asyncDispose]() {
      run.process.stdin!.end();
      await run[Symbol.asyncDispose]();
      expect(await eventually(() => remains(prefix).length === 0)).toBe(true);
    },
  };
};

const openedUrl = async (terminal: Terminal): Promise<string> =>
  (await terminal.run.printed(/^(http:\/\/\S+) → /m))[1]!;

/** A directory of programs that comes first in PATH, with an `xdg-open` that notes what it is to open. */
const fakeBrowser = async (): Promise<{ path: string; note: string } & AsyncDisposable> => {
  const directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-browser-'));
  const note = join(directory.path, 'opened');
  const program = join(directory.path, 'xdg-open');
  await writeFile(program, `#!/bin/sh\nprintf '%s\\n' "$@" >> '${note}'\n`);
  await chmod(program, 0o755);
  return {
    path: `${directory.path}:${process.env['PATH']}`,
    note,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
};

const isSleep = (pid: number): boolean => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n';

/** The terminal's lines are edited and echoed again. */
const expectOrdinaryTerminal = (output: string): void => {
  expect(output).toMatch(/[ ;]icanon /);
  expect(output).toMatch(/[ ;]echo /);
  expect(output).toMatch(/[ ;]?isig /);
};

describe('at a terminal', () => {
  test('r brings a new version, o opens the first forward, other keys do nothing, q quits', async () => {
    await using app = await createApp('hello-wasmedge', '[network]\nforwards = ["5353/udp", "3000"]\n');
    await using browser = await fakeBrowser();
    await using terminal = openTerminal(app.path, { env: { PATH: browser.path } });
    const { run, press } = terminal;
    const url = await openedUrl(terminal);
    await terminal.serves(1);
    press('r');
    await terminal.serves(2);

    press('o');
    expect(await eventually(() => existsSync(browser.note))).toBe(true);
    expect(await eventually(() => readFileSync(browser.note, 'utf8') === `${url}\n`)).toBe(true);

    const engines = enginesOf(terminal.supervisor());
    press(`hx ?\r\n\t${ARROW_UP}\x1b\x04\x1aé€`);
    await sleep(300);
    expect(enginesOf(terminal.supervisor())).toEqual(engines);
    expect(await get(url)).toContain('Hello');
    press('r');
    await terminal.serves(3);

    press('q');
    const { status, stdout } = await run.ended;
    expect(status).toBe(0);
    expectOrdinaryTerminal(stdout);
    expect(stdout).not.toMatch(/error|v4/);
    expect(remains(prefix)).toEqual([]);
  });

  test('o says so where there is no browser, and where no forward is open yet', async () => {
    await using app = await createApp('nolisten-wasmedge', '[network]\nforwards = ["3000"]\n');
    await using empty = await mkdtempDisposable(join(tmpdir(), 'wasmrun-browser-'));
    const onlyNode = `${empty.path}:${join(process.execPath, '..')}:/usr/sbin:/usr/bin:/bin`;
    await using terminal = openTerminal(app.path, { env: { PATH: onlyNode } });
    await terminal.serves(1);
    terminal.press('o');
    await terminal.run.printed(/there is no forward to open yet/);
    await app.save('hello-wasmedge');
    const url = await openedUrl(terminal);
    terminal.press('o');
    await terminal.run.printed(new RegExp(`open ${url} in a browser: xdg-open could not`));
    terminal.press('q');
    expect((await terminal.run.ended).status).toBe(0);
  });

  test.each([
    ['while it serves', 'hello-wasmedge', ['3000'], /→/],
    ['while the app waits for a change', 'crasher', ['exit', '0'], /waiting for a change/],
    ['while the app is about to be started again', 'crasher', ['exit', '3'], /starting it again in 2000 ms/],
  ])('Ctrl-C stops it %s, as it does without --watch', async (_when, guest, args, moment) => {
    const config = `[app]\nargs = ${JSON.stringify(args)}\n[network]\nforwards = ["3000"]\n`;
    await using app = await createApp(guest, config);
    await using terminal = openTerminal(app.path);
    await terminal.run.printed(moment);
    await terminal.run.printed(/press r/);
    terminal.press(CTRL_C);
    const { status, stdout } = await terminal.run.ended;
    expect(status).toBe(130);
    expectOrdinaryTerminal(stdout);
  });

  test.each([
    ['q', 0],
    [CTRL_C, 130],
  ])('%j during a build ends both', async (key, expected) => {
    await using app = await createApp('hello-wasmedge');
    await using terminal = openTerminal(app.path);
    await terminal.serves(1);
    await app.configure('[build]\ncommand = ["sleep", "1000"]\n[network]\nforwards = ["3000"]\n');
    await app.save('hello-wasix');
    await terminal.run.printed(/building: sleep 1000/);
    const builds = (): number[] => childrenOf(terminal.supervisor()).filter((pid) => isSleep(pid));
    expect(await eventually(() => builds().length === 1)).toBe(true);
    const [build] = builds();
    terminal.press(key);
    const { status, stdout } = await terminal.run.ended;
    expect(status).toBe(expected);
    expect(existsSync(`/proc/${build}`)).toBe(false);
    expectOrdinaryTerminal(stdout);
  });

  test('without --watch all keys are the app’s own input', async () => {
    await using terminal = openTerminal(guestPath('cat'), { flags: '' });
    await terminal.run.printed(/^\S+ {2}[\d.]+ {2}\(namespace/m);
    terminal.press('q\nr\n');
    // Once by the terminal's echo, once by the guest.
    await terminal.run.printed(/(^q\r?$[^]*){2}/m);
    await terminal.run.printed(/(^r\r?$[^]*){2}/m);
    terminal.press('\x04');
    const { status, stdout } = await terminal.run.ended;
    expect(status).toBe(0);
    expect(stdout).not.toContain('press r');
  });
});

describe('without a terminal', () => {
  test('keys are the app’s own input', async () => {
    const end = await runCli(['os', guestPath('cat')], { prefix, stdin: 'r q o \x03\n' });
    expect([end.status, end.stdout]).toEqual([0, 'r q o \x03\n']);
  });

  test('they are no commands while an app is watched', async () => {
    await using app: LiveApp = await createApp('hello-wasmedge');
    await using run = watch(app, [], { prefix, keepStdin: true });
    const url = await run.url();
    const engines = enginesOf(run.process.pid!);
    run.process.stdin!.write('r\nq\no\n\x03');
    await sleep(300);
    expect(enginesOf(run.process.pid!)).toEqual(engines);
    expect(await get(url)).toContain('Hello');
    expect(run.stderr()).not.toMatch(/press r|reloaded/);
    run.process.stdin!.end();
    await stop(run);
  });
});
