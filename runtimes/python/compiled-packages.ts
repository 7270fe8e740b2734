/**
 * Packages that are compiled for a Python of the host, which cannot be loaded in the sandbox. They are looked for before
 * the start, among what the app says it needs.
 */
import type { InstalledPackage } from './installed-packages.ts';

/** A package that an app cannot do without, and cannot have. */
export interface CompiledPackage {
  readonly name: string;
  /** Its file that cannot be loaded. */
  readonly file: string;
  /** Through which packages the app needs it, beginning with one that the app itself names. */
  readonly through: readonly string[];
}

/**
 * Those with a compiled part that is only faster, or that others do without: known by name, for nothing in a package says
 * so.
 */
const DONE_WITHOUT: ReadonlySet<string> = new Set([
  'aiohttp',
  'charset-normalizer',
  'coverage',
  'frozenlist',
  'greenlet',
  'httptools',
  'markupsafe',
  'msgpack',
  'multidict',
  'propcache',
  'pyyaml',
  'ruamel-yaml-clib',
  'simplejson',
  'sqlalchemy',
  'tornado',
  'uvloop',
  'watchfiles',
  'websockets',
  'wrapt',
  'yarl',
  'zope-interface',
]);

/** What does the same in Python alone, or in another way. */
export const ALTERNATIVES: ReadonlyMap<string, string> = new Map([
  ['argon2-cffi-bindings', 'hashlib.scrypt of Python'],
  ['bcrypt', 'hashlib.scrypt of Python'],
  ['lxml', 'xml.etree of Python, or html5lib'],
  ['mysqlclient', 'pymysql'],
  ['orjson', 'json of Python'],
  ['psycopg2', 'pg8000'],
  ['psycopg2-binary', 'pg8000'],
  ['psycopg-binary', 'pg8000'],
  ['pydantic-core', 'attrs, dataclasses of Python'],
  ['pymssql', 'python-tds'],
  ['pynacl', 'hmac and hashlib of Python'],
  ['ujson', 'json of Python'],
]);

/**
 * Goes from the packages that an app names to all they need.
 * @param wanted - normalised names
 */
export const findCompiledPackages = (
  wanted: readonly string[],
  installed: readonly InstalledPackage[],
): CompiledPackage[] => {
  const byName = new Map(installed.map((each) => [each.name, each]));
  const seen = new Set<string>();
  const found: CompiledPackage[] = [];
  const look = (name: string, through: readonly string[], isNamed: boolean): void => {
    const each = byName.get(name);
    if (each === undefined || seen.has(name)) return;
    seen.add(name);
    const way = [...through, name];
    // Who names `uvloop` itself wants it.
    const isDoneWithout = DONE_WITHOUT.has(name) && !(isNamed && NOTHING_ELSE.has(name));
    if (each.compiledFile !== undefined && !isDoneWithout) {
      found.push({ name, file: each.compiledFile, through: way });
    }
    for (const need of each.needs) look(need, way, false);
  };
  for (const name of wanted) look(name, [], true);
  return found;
};

/** Of those that others do without, the ones that have nothing in Python to go on with. */
const NOTHING_ELSE: ReadonlySet<string> = new Set(['greenlet', 'httptools', 'uvloop', 'watchfiles']);
