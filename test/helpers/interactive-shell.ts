/** Shells at a terminal of their own, with the completion of wasmrun installed as its scripts say. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BIN, childrenOf, runCli } from './cli.ts';

export type ShellName = 'bash' | 'zsh' | 'fish';

interface ShellSetup {
  readonly command: string;
  /** Where the script is put, below the home directory. */
  readonly script: string;
  readonly startup: Readonly<Record<string, string>>;
  /** What makes it show all there is. */
  readonly list: string;
}

const SETUPS: Readonly<Record<ShellName, ShellSetup>> = {
  bash: {
    command: 'bash --noprofile --rcfile .bashrc -i',
    script: '.wasmrun-completion',
    startup: { '.bashrc': 'source ~/.wasmrun-completion\n' },
    list: '\t\t',
  },
  zsh: {
    command: 'zsh -i',
    script: '.zfunc/_wasmrun',
    startup: { '.zshrc': 'bindkey -e\nfpath+=~/.zfunc\nautoload -Uz compinit && compinit -u\n' },
    list: '\t',
  },
  fish: {
    command: 'fish -i',
    script: '.config/fish/completions/wasmrun.fish',
    startup: {
      '.config/fish/config.fish': 'set -g fish_greeting\n',
      // Else it sets out to read the manuals of all commands there are.
      '.local/share/fish/generated_completions/none.fish': '',
    },
    list: '\t',
  },
};

const CTRL_A = '\x01';
const CTRL_E = '\x05';
const CTRL_U = '\x15';

/** Enough for a busy machine; a shell that shows nothing must not hang the tests. */
const PATIENCE_MS = 20_000;

export interface InteractiveShell extends AsyncDisposable {
  /** Where it stands. */
  readonly home: string;
  /** Types that and TAB; the words that stand there then. */
  complete(typed: string): Promise<string[]>;
  /** Asks for all ways to go on; resolves when the terminal shows each of these. */
  lists(typed: string, ...expected: readonly RegExp[]): Promise<void>;
}

/** @param files - made in the home directory, where the shell stands */
export const openShell = async (
  name: ShellName,
  files: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<InteractiveShell> => {
  const { command, script, startup, list } = SETUPS[name];
  const home = await mkdtemp(join(tmpdir(), `wasmrun-${name}-`));
  const { stdout } = await runCli(['completion', name]);
  const contents = { ...startup, [script]: stdout, ...Object.fromEntries(files.map((file) => [file, ''])) };
  for (const [path, content] of Object.entries(contents)) {
    await mkdir(dirname(join(home, path)), { recursive: true });
    await writeFile(join(home, path), content);
  }
  await mkdir(join(home, 'bin'));
  await symlink(BIN, join(home, 'bin', 'wasmrun'));
  // script(1) gives it a terminal, which has no size of its own.
  const child = spawn('script', ['-q', '-c', `stty rows 50 cols 100; exec ${command}`, '/dev/null'], {
    cwd: home,
    env: {
      ...process.env,
      ...{
        HOME: home,
        ZDOTDIR: home,
        XDG_CONFIG_HOME: join(home, '.config'),
        TERM: 'xterm',
        SHELL: '/bin/sh',
      },
      PATH: `${join(home, 'bin')}:${process.env['PATH']}`,
      ...env,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  let changed = (): void => {};
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    changed();
  });
  const closed = once(child, 'close');
  const printed = async (pattern: RegExp): Promise<RegExpExecArray> => {
    const isLate = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const match = pattern.exec(output);
      if (match !== null) return match;
      if (isLate.aborted) throw new Error(`${name} does not show ${pattern}: ${JSON.stringify(output)}`);
      const more = new Promise<void>((resolve) => (changed = resolve));
      await Promise.race([more, once(isLate, 'abort')]);
    }
  };
  const press = (keys: string): void => void child.stdin.write(keys);
  let calls = 0;
  const shell: InteractiveShell = {
    home,
    async complete(typed) {
      calls += 1;
      // The line as it stands becomes the arguments of a command that prints them apart.
      press(`${typed}\t${CTRL_A}printf '<%s>' a${calls} ${CTRL_E} z${calls}\r`);
      const [, words = ''] = await printed(new RegExp(`<a${calls}>(.*?)<z${calls}>`, 's'));
      return [...words.matchAll(/<([^>]*)>/g)].map(([, word]) => word ?? '');
    },
    async lists(typed, ...expected) {
      output = '';
      press(`${typed}${list}`);
      for (const pattern of expected) await printed(pattern);
      press(CTRL_E + CTRL_U);
    },
    async [Symbol.asyncDispose]() {
      // script ends with its shell.
      for (const pid of childrenOf(child.pid!)) process.kill(pid, 'SIGKILL');
      await closed;
      await rm(home, { recursive: true });
    },
  };
  // Shells read what is typed before they are ready as it comes; not all of them with all their keys.
  press("printf '<%s>' ready\r");
  await printed(/<ready>/);
  return shell;
};
