/** Which values there are for the arguments and options of the command line, by what the help calls them. */
import type { Candidate, Completion, Paths, Place } from './complete.ts';

/** Files and directories. */
const PATHS: Readonly<Record<string, Paths>> = {
  app: 'files',
  file: 'files',
  directory: 'directories',
  'host[:guest]': 'directories',
};

const LISTS: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  sandbox: async () => await sandboxNames(),
  'name[:port]': async () => await sandboxNames(),
  'name=value': async () => Object.keys(process.env).sort(),
};

/** All values for a place that can be known beforehand. */
export const valuesOf = async (place: Place): Promise<Completion> => ({
  candidates: (await wordsOf(place)).map((word): Candidate => ({ word, description: '' })),
  paths: PATHS[place.placeholder] ?? 'none',
});

const wordsOf = async ({ placeholder, option, choices }: Place): Promise<readonly string[]> => {
  if (choices !== undefined) return choices;
  const list = LISTS[placeholder];
  if (list !== undefined) return await list();
  return option === undefined ? [] : await settingChoices(option);
};

/** What the setting that this option sets may be. */
const settingChoices = async (option: string): Promise<readonly string[]> => {
  if (option === '--language') {
    const { RUNTIMES } = await import('../../../runtimes/index.ts');
    return RUNTIMES.map(({ name }) => name);
  }
  const { choicesOf } = await import('../../config/fields.ts');
  return choicesOf(option);
};

/** Sandboxes of this user, running or not, under the prefix that holds here. */
const sandboxNames = async (): Promise<readonly string[]> => {
  const { loadAppSettings } = await import('../../app-settings.ts');
  const { Sandboxes } = await import('../../sandboxes.ts');
  const { silentLog } = await import('../../log.ts');
  const { settings } = await loadAppSettings(process.cwd());
  const sandboxes = await new Sandboxes(settings.network.namespacePrefix, silentLog).list();
  return sandboxes.map(({ name }) => name);
};
