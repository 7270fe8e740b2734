/** What a snapshot depends on, and whether it is one for this start. */
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { fileIdentity } from './observed-files.ts';
import type { ConfigAddresses } from './start-in-steps.ts';

/** What a start has to have in common with the one that made a snapshot. */
export interface SnapshotConditions {
  /** The interpreter, its library and the engine. */
  readonly build: string;
  /** Where the app is started. */
  readonly workingDirectory: string;
  /** What the app was found to import. */
  readonly imports: readonly string[];
  /** Bytes of memory that the app may use, where that is limited: not all that it imports may fit. */
  readonly memory?: number;
  /** Variables that the interpreter itself looks at; see {@link interpreterEnvironment}. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface SnapshotDescription {
  readonly conditions: SnapshotConditions;
  /** Variables that were looked for while packages were imported, and were not there. */
  readonly variables: readonly string[];
  /** Absolute paths (latin1) and what tells the state of each. */
  readonly files: readonly (readonly [path: string, identity: string])[];
  /** Absent where an app cannot be started from a snapshot: nobody needs to try again. */
  readonly state?: InterpreterState;
}

/** What is to be known of the memory. */
export interface InterpreterState {
  /** Modules that were imported, besides those that every interpreter has; what is before a dot. */
  readonly modules: readonly string[];
  /** The main thread's values by key (pthread_getspecific(3)). */
  readonly specific: readonly (readonly [key: number, value: number])[];
  readonly config: ConfigAddresses;
}

/** Looked at before or beside Python's own code: by site.py, the C library's locale, the engine. */
const INTERPRETER_VARIABLE = /^(?:PYTHON|LC_|LANG$|HOME$|HOSTNAME$|PATH$|TZ$)/;

/** All that a snapshot may know of the environment: the rest may be secret. */
export const interpreterEnvironment = (env: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env)
      .filter(([name]) => INTERPRETER_VARIABLE.test(name))
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );

export interface Start {
  readonly files: GuestFileSystem;
  readonly env: Readonly<Record<string, string>>;
  readonly conditions: SnapshotConditions;
  /** Where the app's own modules are, before all others. */
  readonly scriptDirectory: string;
}

/** Would the interpreter be in the same state without the snapshot? */
export const describes = (description: SnapshotDescription, start: Start): boolean =>
  JSON.stringify(description.conditions) === JSON.stringify(start.conditions) &&
  !description.variables.some((name) => name in start.env) &&
  description.files.every(([path, identity]) => fileIdentity(start.files, path) === identity) &&
  (description.state === undefined || !hasOwn(description.state.modules, start));

/** Does the app have a module of its own that goes before one of these? (importlib.machinery's suffixes) */
export const hasOwn = (modules: readonly string[], { files, scriptDirectory }: Start): boolean => {
  const entries = files.readDirectory(scriptDirectory);
  if (typeof entries === 'number') return false;
  const names = new Set(entries.map(({ name }) => Buffer.from(name).toString()));
  return modules.some(
    (name) =>
      names.has(`${name}.py`) ||
      names.has(`${name}.pyc`) ||
      (names.has(name) && typeof files.stat(`${scriptDirectory}/${name}/__init__.py`, true) !== 'number'),
  );
};
