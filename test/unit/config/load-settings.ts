/** Loads settings from real files, for the tests beside this file. */
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings, type SettingsRequest } from '../../../src/config/settings.ts';
import { WasmrunError } from '../../../src/errors.ts';

/** Loads the settings of a fresh directory that holds these files. */
export const load = async (
  files: Record<string, string>,
  request: Partial<SettingsRequest> = {},
  app = '.',
) => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-settings-'));
  await mkdir(join(directory.path, app), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory.path, name), content);
  const loaded = await loadSettings({
    appDirectory: join(directory.path, app),
    flags: {},
    environment: {},
    workingDirectory: directory.path,
    ...request,
  });
  return { ...loaded, loaded, directory: directory.path, origins: Object.fromEntries(loaded.origins()) };
};

/** The error that loading these files ends with. */
export const failure = async (...given: Parameters<typeof load>): Promise<WasmrunError> => {
  const result = await load(...given).catch((error: unknown) => error);
  if (result instanceof WasmrunError) return result;
  throw new Error('the settings were accepted', { cause: result });
};
