/** The package as a stranger installs it: its library runs from there, and its types are enough for a strict program. */
import { execFileSync } from 'node:child_process';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, remains, startCli } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { installPackage } from '../../helpers/installed-package.ts';
import type { InstalledPackage } from '../../helpers/installed-package.ts';
import { newScope } from './scope.ts';

const TSC = new URL('../../../node_modules/typescript/bin/tsc', import.meta.url).pathname;

let stranger: InstalledPackage;

beforeAll(async () => {
  stranger = await installPackage(['@types/node']);
});
afterAll(async () => {
  await stranger[Symbol.asyncDispose]();
});

const run = async (prefix: string, name: string, source: string) => {
  await writeFile(join(stranger.directory, name), source);
  return await startCli([name], { command: [process.execPath], cwd: stranger.directory, prefix }).ended;
};

test('apps of WebAssembly and of Node.js run from an installed package', async () => {
  using scope = newScope();
  const { directory } = stranger;
  await copyFile(guestPath('hello-wasmedge'), join(directory, 'hello.wasm'));
  await writeFile(
    join(directory, 'server.cjs'),
    `require('http').createServer((_, response) => response.end('node')).listen(3000);`,
  );
  const { status, stdout, stderr } = await run(
    scope.prefix,
    'program.mjs',
    `import { Sandbox, WasmrunError } from 'wasmrun';
     for (const app of ['hello.wasm', 'server.cjs']) {
       await using sandbox = await Sandbox.start({ app, forwards: ['3000'] });
       const { url } = await sandbox.expose({ processPort: 3000 });
       console.log(sandbox.info.language, (await (await fetch(url)).text()).trim());
       await sandbox.reload();
       console.log(sandbox.info.generation);
     }
     console.log(await Sandbox.connect('web').catch((error) => error instanceof WasmrunError && error.code));`,
  );
  expect(stderr).toBe('');
  expect(stdout).toBe('wasm Hello from inside the sandbox\n2\nnodejs node\n2\nSANDBOX_NOT_FOUND\n');
  expect(status).toBe(0);
});

test('what a killed program leaves is swept by the installed command', async () => {
  const { prefix, [Symbol.dispose]: check } = newScope();
  const { signal } = await run(
    prefix,
    'killed.mjs',
    `import { Sandbox } from 'wasmrun';
     await Sandbox.start({ app: ${JSON.stringify(guestPath('hello-wasmedge'))}, forwards: ['3000'] });
     process.kill(process.pid, 'SIGKILL');`,
  );
  expect(signal).toBe('SIGKILL');
  expect(await eventually(() => remains(prefix).length === 0, 10_000)).toBe(true);
  check();
});

test('its types are complete: a strict program compiles, and a mistake in it does not', async () => {
  const { directory } = stranger;
  const source = `import { Sandbox, SandboxInfoSchema } from 'wasmrun';
     import type { ForwardInfo, SandboxInfo } from 'wasmrun';
     await using sandbox = await Sandbox.start({ app: './app', forwards: ['8080:3000'] });
     const info: SandboxInfo = SandboxInfoSchema.parse(sandbox.info);
     const forward: ForwardInfo = await sandbox.expose({ processPort: 3000 });
     export const url: string = forward.url + info.name;`;
  const compile = (): string => {
    const flags =
      '--noEmit --strict --exactOptionalPropertyTypes --target esnext --module nodenext --types node';
    try {
      return execFileSync(TSC, [...flags.split(' '), 'program.mts'], { cwd: directory, encoding: 'utf8' });
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  };
  await writeFile(join(directory, 'program.mts'), source);
  expect(compile()).toBe('');
  await writeFile(join(directory, 'program.mts'), source.replace('processPort', 'port'));
  expect(compile()).toContain("'port' does not exist in type 'ExposeOptions'");
});
