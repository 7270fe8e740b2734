/** The settings that hold for an app, as every command and the library read them. */
import type { Flags } from './config/layers.ts';
import type { LoadedSettings, SettingsRequest } from './config/settings.ts';

/** Whose settings they are, where that is not this process at a terminal. */
export type GivenBy = Partial<Pick<SettingsRequest, 'environment' | 'workingDirectory' | 'describeFlag'>>;

/**
 * @param appDirectory - absolute
 * @throws {WasmrunError} as `loadSettings` does
 */
export const loadAppSettings = async (
  appDirectory: string,
  flags: Flags = {},
  givenBy: GivenBy = {},
): Promise<LoadedSettings> => {
  const { loadSettings } = await import('./config/settings.ts');
  return await loadSettings({
    appDirectory,
    flags,
    environment: process.env,
    workingDirectory: process.cwd(),
    ...givenBy,
  });
};
