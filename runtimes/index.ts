/** All runtimes; the only place that knows their names. */
import { announcedRuntime } from '../src/runtime/registry.ts';
import type { Runtime } from '../src/runtime/runtime.ts';
import { wasmRuntime } from './wasm/index.ts';

export const RUNTIMES: readonly Runtime[] = [
  wasmRuntime,
  announcedRuntime('nodejs', ['package.json']),
  announcedRuntime('python', ['requirements.txt', 'pyproject.toml', 'app.py']),
  announcedRuntime('postgres', []),
];
