/**
 * Builds `dist` afresh. `tsc` checks and emits the library with its types; the command line, the engine and
 * the drivers of runtimes are bundled besides, each into CommonJS: two Node starts are the whole budget of a cold start, and loading
 * dozens of small ES modules costs about half a bare start each time. The small libraries that every start
 * needs are bundled along, with their licences; all others stay outside.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';
import { straightenInterpreter } from '../runtimes/nodejs/rewrite/interpreter-loop.ts';
import { redirectPromiseCalls } from '../runtimes/nodejs/rewrite/promise-calls.ts';
import { limitStrings } from '../runtimes/nodejs/rewrite/string-limit.ts';
import { buildPostgres } from './build-postgres.ts';
import { buildPython } from './build-python.ts';
import { manPages } from './man-pages.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;

/** Pure JavaScript, needed by most starts, and slow to find and load file by file. */
const BUNDLED = ['commander', 'ipaddr.js', 'quickjs-wasi', 'smol-toml', 'unbash'];

const isExternal = (id: string): boolean =>
  !id.startsWith('.') && !id.startsWith('/') && !BUNDLED.includes(id);

/** As src/runtime/driver-path.ts looks for them. */
const drivers = globSync('runtimes/*/driver.ts', { cwd: root }).map(
  (source) => [`drivers/${basename(dirname(source))}`, source] as const,
);

for (const [name, input] of [
  ['cli', 'src/cli/main.ts'],
  ['engine', 'src/engine/main.ts'],
  ['engine/send-thread', 'src/engine/send-thread/main.ts'],
  ...drivers,
] as const) {
  await build({
    input: `${root}${input}`,
    platform: 'node',
    external: isExternal,
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

// What runs inside a guest is a script of its own.
await build({
  input: `${root}runtimes/nodejs/guest/main.ts`,
  platform: 'neutral',
  logLevel: 'warn',
  output: { file: `${root}dist/drivers/nodejs/guest.js`, format: 'iife', sourcemap: false },
});
await build({
  input: `${root}runtimes/nodejs/make-snapshot.ts`,
  platform: 'node',
  external: isExternal,
  logLevel: 'warn',
  output: { file: `${root}dist/drivers/nodejs/make-snapshot.mjs`, format: 'esm', sourcemap: false },
});
copyFileSync(`${root}runtimes/nodejs/native/bridge.wasm`, `${root}dist/drivers/nodejs/bridge.wasm`);
const quickjs = readFileSync(`${root}node_modules/quickjs-wasi/quickjs.wasm`);
writeFileSync(
  `${root}dist/drivers/nodejs/quickjs.wasm`,
  limitStrings(straightenInterpreter(redirectPromiseCalls(quickjs))),
);
// By what snapshots are kept: reading and hashing everything again takes a tenth of a start.
const parts = ['quickjs.wasm', 'bridge.wasm', 'guest.js', 'main.cjs', 'make-snapshot.mjs'].map(
  (name) => `${root}dist/drivers/nodejs/${name}`,
);
const hash = createHash('sha256');
// Which Node there is, package.json says.
for (const file of [...parts, `${root}package.json`]) hash.update(readFileSync(file));
writeFileSync(`${root}dist/drivers/nodejs/build-hash.txt`, hash.digest('hex').slice(0, 16));

await buildPython(root);
await buildPostgres(root);

// reproducible-builds.org, "SOURCE_DATE_EPOCH": seconds.
const epoch = process.env['SOURCE_DATE_EPOCH'];
mkdirSync(`${root}dist/man`);
for (const { file, text } of manPages(epoch === undefined ? new Date() : new Date(Number(epoch) * 1000)))
  writeFileSync(`${root}dist/man/${file}`, text);

const licences = BUNDLED.map(
  (name) => `${name}\n\n${readFileSync(`${root}node_modules/${name}/LICENSE`, 'utf8')}`,
);
// What that package is compiled from; it has no licence file of it.
licences.push(`QuickJS-NG\n\n${readFileSync(`${root}runtimes/nodejs/rewrite/quickjs-licence.txt`, 'utf8')}`);
writeFileSync(`${root}dist/bundled-licences.txt`, licences.join('\n\n'));
