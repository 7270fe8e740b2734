/** A program of its own that uses the library: what it prints, what signals do, and what it leaves behind. */
import { expect, test } from 'vitest';
import { eventually, remains, startCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { newScope } from './scope.ts';

const HELLO = guestPath('hello-wasmedge');
const LIBRARY = new URL('../../../src/index.ts', import.meta.url).href;

/** Runs a program that has `Sandbox`, `options` and `say`, which prints a line. */
const runProgram = (prefix: string, body: string): CliRun =>
  startCli(
    [
      '--input-type=module',
      '--eval',
      `import { Sandbox } from ${JSON.stringify(LIBRARY)};
       const say = (text) => process.stdout.write(text + '\\n');
       const options = ${JSON.stringify({ app: HELLO, forwards: ['3000'], prefix })};
       ${body}`,
    ],
    { command: [process.execPath], prefix },
  );

test('nothing is printed but what the program says; the app cannot read its input', async () => {
  using scope = newScope();
  const { status, stdout, stderr } = await runProgram(
    scope.prefix,
    `{ await using sandbox = await Sandbox.start(options); say(sandbox.name); }`,
  ).ended;
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'hello-wasmedge\n', stderr: '' });
});

test('with output inherited, the app prints to the standard streams of the program', async () => {
  using scope = newScope();
  const { stdout, stderr } = await runProgram(
    scope.prefix,
    `await using sandbox = await Sandbox.start({ ...options, output: 'inherit' });
     for await (const { text } of sandbox.logs()) say('logged ' + text.trim());`,
  ).ended;
  expect(stdout).toBe(
    'hello: listening on 0.0.0.0 port 3000\nlogged hello: listening on 0.0.0.0 port 3000\n',
  );
  expect(stderr).toBe('');
});

// What is left in the kernel is removed by a shell that outlives the program.
test.each([
  ['process.exit', 'process.exit(3)', 3],
  ['an uncaught error', `setTimeout(() => { throw new Error('of the program'); })`, 1],
])('%s without a word leaves nothing for long', async (_, last, status) => {
  const { prefix, [Symbol.dispose]: check } = newScope();
  const run = runProgram(prefix, `const sandbox = await Sandbox.start(options); say('started'); ${last}`);
  expect((await run.ended).status).toBe(status);
  expect(await eventually(() => remains(prefix).length === 0, 10_000)).toBe(true);
  check();
});

test.each(['SIGTERM', 'SIGKILL'] as const)(
  '%s ends it as any program, and nothing is left for long',
  async (signal) => {
    const { prefix, [Symbol.dispose]: check } = newScope();
    const run = runProgram(prefix, `const sandbox = await Sandbox.start(options); say('started');`);
    await run.printed(/started/);
    expect(remains(prefix)).not.toEqual([]);
    run.process.kill(signal);
    expect(await run.ended).toMatchObject({ signal, status: null });
    expect(await eventually(() => remains(prefix).length === 0, 10_000)).toBe(true);
    check();
  },
);

test('a program whose sandboxes have ended ends by itself', async () => {
  using scope = newScope();
  const { status, stdout } = await runProgram(
    scope.prefix,
    `const sandbox = await Sandbox.start(options);
     const found = await Sandbox.connect(sandbox.name, { prefix: options.prefix });
     (async () => { for await (const { type } of found.events()) say(type); })();
     setTimeout(() => found.stop(), 200);`,
  ).ended;
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'exited\n' });
});
