/** All runtimes; the only place that knows their names. */
import type { Runtime } from '../src/runtime/runtime.ts';
import { nodejsRuntime } from './nodejs/index.ts';
import { postgresRuntime } from './postgres/index.ts';
import { pythonRuntime } from './python/index.ts';
import { wasmRuntime } from './wasm/index.ts';

export const RUNTIMES: readonly Runtime[] = [wasmRuntime, nodejsRuntime, pythonRuntime, postgresRuntime];
