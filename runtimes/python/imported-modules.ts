/**
 * What an app imports when it starts, by the look of its text: from its first file on, through all files of its own
 * that those import. What is imported on condition or later is left out; a name too many costs nothing but time.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Of an app's own files so many are looked at. */
const MOST_FILES = 200;
/** `import a.b, c as d` and `from a import b` that stand at the beginning of a line; not those within a package. */
const IMPORT = /^(?:import[ \t]+([^\n#;]+)|from[ \t]+([\p{ID_Start}_][\p{ID_Continue}.]*)[ \t]+import\b)/gmu;
const MODULE_NAME = /^[\p{ID_Start}_][\p{ID_Continue}]*(?:\.[\p{ID_Start}_][\p{ID_Continue}]*)*$/u;

/**
 * Names of modules, sorted: those that are no files of the app.
 * @param entry - absolute path of the app's first file
 */
export const importedModules = (entry: string): string[] => {
  const directory = dirname(entry);
  const found = new Set<string>();
  const files = [entry];
  const isKnown = new Set(files);
  for (let file = files.shift(); file !== undefined; file = files.shift()) {
    for (const name of importsOf(read(file) ?? '')) {
      const own = ownFiles(directory, name);
      if (own.length === 0) found.add(name);
      for (const each of own) {
        if (isKnown.has(each) || isKnown.size >= MOST_FILES) continue;
        isKnown.add(each);
        files.push(each);
      }
    }
  }
  return [...found].toSorted((one, other) => (one < other ? -1 : 1));
};

/** Names in the import statements of a text that always run. */
const importsOf = (source: string): string[] =>
  [...source.matchAll(IMPORT)].flatMap(([, plain, from]) => {
    const names = from === undefined ? plain!.split(',').map((each) => each.trim().split(/\s/)[0]!) : [from];
    return names.filter((name) => MODULE_NAME.test(name));
  });

/** The app's files that an import of `a.b` runs: those of `a`, then that of `b` in it. */
const ownFiles = (directory: string, name: string): string[] => {
  const own: string[] = [];
  const parts = name.split('.');
  for (const index of parts.keys()) {
    const path = join(directory, ...parts.slice(0, index + 1));
    const file = [`${path}.py`, join(path, '__init__.py')].find((each) => read(each) !== undefined);
    if (file === undefined) break;
    own.push(file);
  }
  return own;
};

/** Undefined where there is no such file. */
const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};
