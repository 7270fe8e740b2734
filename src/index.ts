/** The public API. */
export { EXIT_STATUS, WasmrunError } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export type { Log } from './log.ts';
export { loadSettings } from './config/settings.ts';
export type { LoadedSettings, Settings, SettingsRequest } from './config/settings.ts';
export { resolveApp } from './runtime/resolve.ts';
export type { ResolvedApp } from './runtime/resolve.ts';
export type { SandboxEvent } from './sandbox/events.ts';
export { collectGarbage, runSandbox } from './wasmrun.ts';
export type { Leftover, RunRequest } from './wasmrun.ts';
