/** From what was asked for to settings and an app that can be run. */
import { resolve } from 'node:path';
import { loadAppSettings } from './app-settings.ts';
import type { GivenBy } from './app-settings.ts';
import type { Flags } from './config/layers.ts';
import type { Settings } from './config/settings.ts';
import type { Log } from './log.ts';
import type { ResolveOptions, ResolvedApp } from './runtime/resolve.ts';

/** Flags of `wasmrun os`, by their long names; what stands after `--` by that. */
export type AppFlags = Flags;

export interface ReadApp {
  readonly settings: Settings;
  readonly app: ResolvedApp;
  readonly warnings: readonly string[];
  /** Absolute path, where a file was named and not a directory. Then nothing is built. */
  readonly file: string | undefined;
}

/** The settings and the app, made ready unless it is for a plan. */
export const readApp = async (
  log: Log,
  path: string,
  flags: AppFlags,
  how: ResolveOptions & GivenBy = {},
): Promise<ReadApp> => {
  const { locateApp, resolveApp } = await import('./runtime/resolve.ts');
  const { RUNTIMES } = await import('../runtimes/index.ts');

  const { directory, file } = await locateApp(path);
  // Unlike other paths it is one of the app's, wherever the command is typed.
  const module = typeof flags['--module'] === 'string' ? resolve(directory, flags['--module']) : undefined;
  const { settings, merged } = await loadAppSettings(directory, { ...flags, '--module': module }, how);
  const { refuseForOthers } = await import('./config/postgres-settings.ts');
  refuseForOthers(merged);
  const app = await resolveApp(path, settings, RUNTIMES, log, how);
  const { exposureWarnings } = await import('./exposure.ts');
  const warnings = exposureWarnings(settings.network);
  return { settings, app, warnings, file };
};
