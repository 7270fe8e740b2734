/** What is started: what `python` would be given on the command line, found in the app's directory. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { WasmrunError } from '../../src/errors.ts';

/** What is run where nothing is named, in this order: as Flask looks for them, then as people call them. */
export const ENTRIES = ['wsgi.py', 'app.py', 'main.py', 'server.py', '__main__.py'] as const;

export interface AppEntry {
  /** Arguments of `python`, without those of the app. */
  readonly args: readonly string[];
  /** The file the app begins with, where it is known: absolute. */
  readonly file?: string | undefined;
}

export interface EntryRequest {
  /** Absolute, without symbolic links. */
  readonly directory: string;
  /** Absolute path of what was named: a file, or a module as `python -m` has it (`DIRECTORY/pkg.mod`). */
  readonly module?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A file or module that was named; else the app that `FLASK_APP` names, as `flask run` starts it; else one of
 * {@link ENTRIES}, by `flask run` where it makes a Flask app and leaves it to somebody else to serve it.
 * @throws {WasmrunError} `APP_NOT_RUNNABLE` where there is nothing to start
 */
export const findAppEntry = ({ directory, module, env }: EntryRequest): AppEntry => {
  if (module !== undefined) {
    return existsSync(module) ? byFile(module) : { args: ['-m', relative(directory, module)] };
  }
  const { FLASK_APP } = env;
  if (FLASK_APP !== undefined && FLASK_APP !== '')
    return { args: FLASK_RUN, file: flaskFile(directory, FLASK_APP) };
  const name = ENTRIES.find((candidate) => existsSync(join(directory, candidate)));
  if (name === undefined) {
    throw new WasmrunError('APP_NOT_RUNNABLE', `${directory} has no ${ENTRIES.join(', ')}`, {
      hint: 'name the file or module to run: wasmrun os DIR --module server/start.py, or [app] module in .wasmrun.toml',
    });
  }
  return byFile(join(directory, name));
};

/** `python -m` takes names of modules. */
const MODULE_NAME = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;

/** Can `python -m` be given this name? */
export const isModuleName = (name: string): boolean => MODULE_NAME.test(name);

/** Does a module of this name lie in one of the directories? */
export const hasModule = (name: string, directories: readonly string[]): boolean => {
  if (!isModuleName(name)) return false;
  const path = name.replaceAll('.', '/');
  return directories.some((directory) =>
    [`${path}.py`, `${path}/__main__.py`].some((file) => existsSync(join(directory, file))),
  );
};

const FLASK_RUN = ['-m', 'flask', 'run'];

const byFile = (file: string): AppEntry => {
  const source = readFileSync(file, 'utf8');
  const isFound = ['app.py', 'wsgi.py'].includes(basename(file));
  return isLeftToFlask(source)
    ? { args: ['-m', 'flask', ...(isFound ? [] : ['--app', file]), 'run'], file }
    : { args: [file], file };
};

const MAKES_FLASK_APP = /^(?:from|import) flask\b/m;
/** What a file says that serves by itself: `app.run()`, `serve(app)`, `run_simple`, `serve_forever` and so on. */
const SERVES = /\.run\s*\(|\bserve\w*\s*\(|\brun_simple\s*\(|\bmake_server\s*\(/;

/** Does a source make a Flask app for `flask run` to serve? Run as a program it would end at once. */
const isLeftToFlask = (source: string): boolean => MAKES_FLASK_APP.test(source) && !SERVES.test(source);

/** `FLASK_APP` as Flask reads it: `[DIR/]FILE[.py][:NAME]`, or a module. */
const flaskFile = (directory: string, value: string): string | undefined => {
  const [name = ''] = value.split(':');
  const candidates = [name, `${name}.py`, `${name.replaceAll('.', '/')}.py`, `${name}/__init__.py`];
  return candidates
    .map((candidate) => join(directory, candidate))
    .find((path) => path.endsWith('.py') && existsSync(path));
};

/** The directory of the file an app begins with, where the search for its packages starts. */
export const entryDirectory = ({ file }: AppEntry, directory: string): string =>
  file === undefined ? directory : dirname(file);
