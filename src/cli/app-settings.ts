/** The settings that hold for an app, as every command reads them. */
import type { Flags } from '../config/layers.ts';
import type { LoadedSettings } from '../config/settings.ts';

/**
 * @param appDirectory - absolute
 * @throws {WasmrunError} as `loadSettings` does
 */
export const loadAppSettings = async (appDirectory: string, flags: Flags = {}): Promise<LoadedSettings> => {
  const { loadSettings } = await import('../config/settings.ts');
  return await loadSettings({
    appDirectory,
    flags,
    environment: process.env,
    workingDirectory: process.cwd(),
  });
};
