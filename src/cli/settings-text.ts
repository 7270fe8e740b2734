/** Prints settings as a `.wasmrun.toml` that would give them. */
import { FIELD_NAMES, FIELDS, splitFieldName, type Field, type FieldName } from '../config/fields.ts';
import { isTable } from '../config/readers.ts';
import type { LoadedSettings } from '../config/settings.ts';

interface Line {
  readonly section: string;
  readonly text: string;
  readonly origin: string | undefined;
}

/** All settings, section by section; with `withOrigin` a comment behind each says where it comes from. */
export const printSettings = (loaded: LoadedSettings, withOrigin: boolean): string => {
  const { configFile } = loaded.settings;
  const origins = loaded.origins();
  const lines = FIELD_NAMES.flatMap((name) => linesOf(name, loaded, origins));
  const width = Math.max(
    ...lines.filter((line) => line.origin !== undefined).map((line) => line.text.length),
  );
  const sections = [...Map.groupBy(lines, (line) => line.section)].map(([section, own]) =>
    [
      `[${section}]`,
      ...own.map(({ text, origin }) =>
        withOrigin && origin !== undefined ? `${text.padEnd(width)}  # ${origin}` : text,
      ),
    ].join('\n'),
  );
  const title = configFile === undefined ? '# no .wasmrun.toml was found' : `# ${configFile}`;
  return `${[title, ...sections].join('\n\n')}\n`;
};

/** The lines of one setting: one, or one for each environment variable. */
const linesOf = (
  name: FieldName,
  { settings, merged }: LoadedSettings,
  origins: ReadonlyMap<string, string>,
): Line[] => {
  const { section, key } = splitFieldName(name);
  // Files of variables are read already; their content stands in `env`.
  if (name === 'app.env_file') return [];
  if (name === 'app.env') {
    return Object.entries(settings.app.env).map(([variable, value]) => ({
      section,
      text: `env.${tomlKey(variable)} = ${tomlValue(value)}`,
      origin: origins.get(`app.env.${variable}`),
    }));
  }
  const entry = merged.get(name);
  if (entry === undefined) return [{ section, text: `# ${key} is not set`, origin: undefined }];
  const field: Field<unknown> = FIELDS[name];
  const value = field.print === undefined ? entry.value : field.print(entry.value);
  if (name === 'postgres.settings' && isTable(value)) {
    return Object.entries(value).map(([parameter, content]) => ({
      section,
      text: `${key}.${tomlKey(parameter)} = ${tomlValue(content)}`,
      origin: entry.origin(parameter),
    }));
  }
  return [{ section, text: `${key} = ${tomlValue(value)}`, origin: origins.get(name) }];
};

const tomlKey = (name: string): string => (/^[A-Za-z0-9_-]+$/.test(name) ? name : tomlValue(name));

/** JSON's strings, numbers and arrays are TOML's, but for the DEL character and spaces in arrays. */
const tomlValue = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(tomlValue).join(', ')}]`
    : JSON.stringify(value).replaceAll('\u007F', String.raw`\u007F`);
