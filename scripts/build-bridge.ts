/**
 * Builds the bridge between QuickJS and the engine, runtimes/nodejs/native, as an extension of quickjs-wasi: a shared
 * library of WebAssembly (the tool conventions' "Dynamic Linking").
 *
 *   node scripts/build-bridge.ts [--out FILE]
 *
 * Needs clang with a wasm32 target and lld. The output is committed, so only whoever changes the bridge needs them.
 */
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const FOLDER = resolve(import.meta.dirname, '../runtimes/nodejs/native');

/** The committed output. */
export const BRIDGE = join(FOLDER, 'bridge.wasm');

/** Only for this system does clang 14 make position-independent code; there is nothing of Emscripten in it. */
const TARGET = '--target=wasm32-unknown-emscripten';
const FLAGS = [TARGET, '-O3', '-std=c11', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror'];
const LIBRARY_FLAGS = ['-fPIC', '-fvisibility=hidden', '-ffreestanding'];

/** Compiles the bridge into `output`. */
export const buildBridge = (output: string = BRIDGE): void => {
  const objects = mkdtempSync(join(tmpdir(), 'wasmrun-bridge-'));
  try {
    const files = globSync('*.c', { cwd: FOLDER }).toSorted();
    const compiled = files.map((file) => join(objects, `${basename(file, '.c')}.o`));
    for (const [index, file] of files.entries()) {
      execFileSync('clang', [...FLAGS, ...LIBRARY_FLAGS, '-c', file, '-o', compiled[index]!], {
        cwd: FOLDER,
      });
    }
    // What is not defined here, quickjs-wasi's main module exports.
    const linking = ['--experimental-pic', '-shared', '--allow-undefined', '--export-dynamic', '--strip-all'];
    execFileSync('wasm-ld', [...linking, '-o', output, ...compiled]);
  } finally {
    rmSync(objects, { recursive: true });
  }
};

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: 'string' } } });
  buildBridge(values.out);
}
