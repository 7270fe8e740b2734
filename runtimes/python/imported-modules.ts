/**
 * What an app imports when it starts, by the look of its text: from its first file on, through all files of its own
 * that those import. What is imported on condition or later is left out; a name too many costs nothing but time.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isModuleName } from './app-entry.ts';

/** Of an app's own files so many are looked at. */
const MOST_FILES = 200;
/** `import a.b, c as d` and `from a import b` at the beginning of a line (docs.python.org/3/reference/simple_stmts.html). */
const IMPORT = /^(?:import[ \t]+([\w., \t]+)|from[ \t]+(\w[\w.]*)[ \t]+import\b)/gmu;
/** What a server is told to import: `main:app`. */
const OBJECT_NAME = /^([A-Za-z_][\w.]*)(?::[\w.()]+)?$/u;

/** What packages import only once they serve. */
const LATER: ReadonlyMap<string, readonly string[]> = new Map([
  // Names of hosts are encoded by it (Modules/socketmodule.c).
  ['socket', ['encodings.idna']],
  ['asyncio', ['encodings.idna']],
  ['http.server', ['encodings.idna']],
  ['socketserver', ['encodings.idna']],
  // Its development server tells its version.
  ['flask', ['encodings.idna', 'importlib.metadata', 'werkzeug.serving']],
  [
    'uvicorn',
    ['encodings.idna', 'uvicorn.lifespan.on', 'uvicorn.protocols.http.h11_impl', 'uvicorn.loops.asyncio'],
  ],
]);

/** Names in the import statements of a source that always run, as they stand there. */
export const importedNames = (source: string): string[] =>
  [...source.matchAll(IMPORT)]
    .flatMap(([, list, from]) =>
      from === undefined ? list!.split(',').map((item) => item.trim().split(/[ \t]/, 1)[0]!) : [from],
    )
    .filter(isModuleName);

/**
 * Names of modules, sorted: those that are no files of the app.
 * @param directory - absolute; where modules of the app are, if its first file is not known
 * @param command - arguments of `python`
 * @param file - absolute path of the app's first file
 */
export const startImports = (directory: string, command: readonly string[], file?: string): string[] => {
  const own = new OwnModules(file === undefined ? directory : dirname(file));
  if (file !== undefined) own.addFile(file);
  if (command[0] === '-m') {
    for (const argument of command.slice(1)) {
      const [, name] = OBJECT_NAME.exec(argument) ?? [];
      // Behind the module's own name other things stand, too.
      if (name !== undefined && (argument === command[1] || argument.includes(':'))) own.addName(name);
    }
  }
  own.follow();
  return [...own.others]
    .flatMap((name) => [name, ...(LATER.get(name) ?? [])])
    .toSorted()
    .filter(isFirst);
};

const isFirst = (name: string, index: number, names: readonly string[]): boolean => names[index - 1] !== name;

/** Files of an app, and what they import besides each other. */
class OwnModules {
  readonly others = new Set<string>();
  readonly #directory: string;
  readonly #files = new Set<string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  addFile(file: string): void {
    if (this.#files.size < MOST_FILES) this.#files.add(file);
  }

  /** An import of `a.b` runs the files of `a`, then that of `b` in it. */
  addName(name: string): void {
    const parts = name.split('.');
    for (const index of parts.keys()) {
      const path = join(this.#directory, ...parts.slice(0, index + 1));
      const file = [`${path}.py`, join(path, '__init__.py')].find((each) => read(each) !== undefined);
      if (file === undefined) {
        if (index === 0) this.others.add(name);
        return;
      }
      this.addFile(file);
    }
  }

  /** Looks at all files, those that are added meanwhile too. */
  follow(): void {
    for (const file of this.#files) for (const name of importedNames(read(file) ?? '')) this.addName(name);
  }
}

/** Undefined where there is no such file. */
const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};
