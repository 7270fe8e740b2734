/** What a person sees, in tmux: a screen of 80 by 24 whose lines are read back. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { BIN, eventually, newPrefix, remains } from '../../helpers/cli.ts';
import { detachedSandboxes } from '../../helpers/detached.ts';
import { guestPath } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';
import { createApp } from '../../helpers/live-app.ts';

interface Screen {
  /** The lines of the screen that are not empty. */
  lines(): string[];
  type(...keys: readonly string[]): void;
  /** Waits until a line matches. */
  shows(pattern: RegExp): Promise<void>;
}

const openScreen = (prefix: string): Screen => {
  // A server of its own, which knows no configuration of the user's.
  const tmux = (...args: readonly string[]): string =>
    execFileSync('tmux', ['-L', prefix, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env: { ...process.env, WASMRUN_NAMESPACE_PREFIX: prefix, TERM: 'xterm-256color', PS1: '$ ' },
    });
  tmux('new-session', '-d', '-x', '80', '-y', '24', 'sh');
  onTestFinished(() => void tmux('kill-server'));
  const lines = (): string[] =>
    tmux('capture-pane', '-p')
      .split('\n')
      .filter((line) => line.trim() !== '');
  return {
    lines,
    type: (...keys) => void tmux('send-keys', ...keys),
    async shows(pattern) {
      const isShown = await eventually(() => lines().some((line) => pattern.test(line)), 10_000);
      expect(isShown, `${String(pattern)} in\n${lines().join('\n')}`).toBe(true);
    },
  };
};

test('an app that is watched: started, reloaded by a change and by a key, left by q', async () => {
  const prefix = newPrefix();
  await using app = await createApp('hello-wasmedge');
  const port = await freePort();
  const screen = openScreen(prefix);
  screen.type(`${BIN} os ${app.path} --watch --forward ${port}:3000; echo "status $?"`, 'Enter');
  await screen.shows(new RegExp(`^http://localhost:${port} → \\S+:3000 {2}\\w+$`));
  await screen.shows(/^press r to restart, o to open, q to quit$/);
  screen.type('r');
  await screen.shows(/^reloaded {2}v2 {2}\d+ ms$/);
  await writeFile(join(app.path, 'note.txt'), 'a change');
  await screen.shows(/^reloaded {2}note\.txt {2}v3 {2}\d+ ms$/);
  screen.type('q');
  await screen.shows(/^status 0$/);
  // Nothing wraps and nothing is drawn over: each line stands for itself.
  expect(screen.lines().every((line) => line.length <= 80)).toBe(true);
  expect(remains(prefix)).toEqual([]);
});

test('a sandbox in the background: its log is followed until Ctrl-C, and it lives on', async () => {
  await using sandboxes = detachedSandboxes();
  const { run, prefix } = sandboxes;
  const screen = openScreen(prefix);
  screen.type(`clear; ${BIN} os ${guestPath('hello-wasmedge')} --detach --name web --forward 3000`, 'Enter');
  await screen.shows(/^http:\/\/localhost:\d+ → web:3000/);
  await screen.shows(/^web$/);
  screen.type(`clear; ${BIN} logs web --follow; echo "status $?"`, 'Enter');
  await screen.shows(/^wasmrun: http:\/\/localhost:\d+ → web:3000/);
  await run('port', 'expose', 'web', '3000');
  await expect.poll(() => screen.lines().filter((line) => line.includes('→ web:3000')).length).toBe(2);
  screen.type('C-c');
  await screen.shows(/^\^Cstatus 0$/);
  screen.type(`clear; ${BIN} ps`, 'Enter');
  await screen.shows(/^web +up \d+ seconds? +wasm /);
});
