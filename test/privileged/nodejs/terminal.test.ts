/** An app for Node.js at a real terminal, and where its output goes into a pipe. */
import { chmod } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { BIN, newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';

/** script(1) gives the command a terminal. */
const AT_A_TERMINAL = [
  'script',
  '--quiet',
  '--return',
  '--command',
  'stty cols 100 rows 30; unset NO_COLOR; "$BIN" os "$APP"',
  '/dev/null',
] as const;
const APP = {
  'app.js': `const { stdout, stdin, env } = process;
    console.log([stdin.isTTY === true, stdout.isTTY === true, stdout.columns, stdout.rows, stdout.getColorDepth?.()].join(' '));
    console.log([1, null]);
    console.log([env.TERM, env.COLORTERM, env.SECRET].map(String).join(' '));`,
};

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
afterEach(() => {
  expect(remains(prefix)).toEqual([]);
});

test('at a terminal it has its size and its colours, and no other variable of the host', async () => {
  await using app = await writeAppDirectory(APP);
  await chmod(app.path, 0o755);
  await using run = startCli([], {
    command: AT_A_TERMINAL,
    prefix,
    env: {
      BIN,
      APP: `${app.path}/app.js`,
      SHELL: '/bin/sh',
      TERM: 'xterm-256color',
      COLORTERM: 'truecolor',
      SECRET: 'x',
    },
    keepStdin: true,
  });
  const { status, stdout } = await run.ended;
  expect(status).toBe(0);
  const lines = stdout.replaceAll('\r', '').split('\n');
  expect(lines).toContain('true true 100 30 24');
  expect(lines).toContain('[ \u001b[33m1\u001b[39m, \u001b[1mnull\u001b[22m ]');
  expect(lines).toContain('xterm-256color truecolor undefined');
});

test('in a pipe there are none', async () => {
  await using app = await writeAppDirectory(APP);
  await chmod(app.path, 0o755);
  const { stdout } = await runCli(['os', `${app.path}/app.js`], { prefix, env: { TERM: 'xterm-256color' } });
  expect(stdout).toBe('false false   \n[ 1, null ]\nundefined undefined undefined\n');
});
