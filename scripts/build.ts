/**
 * Builds `dist` afresh. `tsc` checks and emits the library with its types; the command line and the engine
 * are bundled besides, each into CommonJS: two Node starts are the whole budget of a cold start, and loading
 * dozens of small ES modules costs about half a bare start each time. Dependencies stay outside.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const root = fileURLToPath(new URL('../', import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;

/** Everything that is not a file of ours comes from node_modules at run time. */
const isDependency = (id: string): boolean => !id.startsWith('.') && !id.startsWith('/');

for (const [name, input] of [
  ['cli', 'src/cli/main.ts'],
  ['engine', 'src/engine/main.ts'],
] as const) {
  await build({
    input: `${root}${input}`,
    platform: 'node',
    external: isDependency,
    logLevel: 'warn',
    output: {
      dir: `${root}dist/${name}`,
      format: 'cjs',
      entryFileNames: 'main.cjs',
      chunkFileNames: '[name].cjs',
      sourcemap: false,
    },
  });
}
