/**
 * What the loaders of modules ask the engine: which `package.json` a file belongs to, which modules a text imports and
 * what its syntax is wrong about. The engine's own V8 reads texts for that, it never runs them.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostFunction } from './bridge.ts';
import type { ModuleTree } from './module-tree.ts';

/**
 * Name, main, type, imports, exports and the file itself: what `internalBinding('modules')` gives of a `package.json`
 * (PackageConfig::Serialize in node_modules.cc). Imports and exports that are not strings are JSON.
 */
type PackageConfig = readonly [
  name: string | undefined,
  main: string | undefined,
  type: string,
  imports: string | undefined,
  exports: string | undefined,
  file: string,
];

/** What stands for a file that is there and is no `package.json`, with its path. */
type InvalidPackage = string;

const textOr = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Texts as they are, objects and arrays as JSON, all else left out. */
const textOrJson = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : textOr(value);

const parsePackage = (text: string, file: string): PackageConfig | InvalidPackage => {
  let content: unknown;
  try {
    content = JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  } catch {
    return file;
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return file;
  const { name, main, type, imports, exports } = content as Record<string, unknown>;
  if (name !== undefined && typeof name !== 'string') return file;
  return [
    name,
    textOr(main),
    type === 'commonjs' || type === 'module' ? type : 'none',
    textOrJson(imports),
    textOrJson(exports),
    file,
  ];
};

class Packages {
  readonly #tree: ModuleTree;
  /** Those that were found stay as they were, as in Node; those that were not are looked for again. */
  readonly #found = new Map<string, PackageConfig>();

  constructor(tree: ModuleTree) {
    this.#tree = tree;
  }

  read(file: string): PackageConfig | InvalidPackage | undefined {
    const known = this.#found.get(file);
    if (known !== undefined) return known;
    const text = this.#tree.text(file);
    if (text === undefined) return undefined;
    const config = parsePackage(text, file);
    if (typeof config !== 'string') this.#found.set(file, config);
    return config;
  }

  /** The `package.json` of the directory of a path or the nearest above it (BindingData::TraverseParent). */
  nearest(start: string): PackageConfig | InvalidPackage | undefined {
    let directory = start.endsWith('/') ? start.slice(0, -1) : path.dirname(start);
    // The directory of what is not absolute is "." for ever.
    for (; directory !== '/' && path.isAbsolute(directory); directory = path.dirname(directory)) {
      if (directory.endsWith('/node_modules')) return undefined;
      const config = this.read(`${directory}/package.json`);
      if (config !== undefined) return config;
    }
    return undefined;
  }

  /** The same for a URL; where there is none, an array with the last path that was looked at. */
  scope(url: string): PackageConfig | InvalidPackage | readonly [lastFile: string] {
    let candidate = new URL('./package.json', url);
    for (;;) {
      if (candidate.pathname.endsWith('/node_modules/package.json')) break;
      const config = this.read(fileURLToPath(candidate));
      if (config !== undefined) return config;
      const above = new URL('../package.json', candidate);
      if (above.pathname === candidate.pathname) break;
      candidate = above;
    }
    return [fileURLToPath(candidate)];
  }
}

export const moduleFunctions = (tree: ModuleTree): Readonly<Record<string, HostFunction>> => {
  const packages = new Packages(tree);
  return {
    statKind: (file: string) => tree.kind(file),
    moduleText: (file: string) => tree.text(file),
    modulePath: (file: string) => tree.realPath(file),
    readPackage: (file: string) => packages.read(file),
    nearestPackage: (start: string) => packages.nearest(start),
    packageScope: (url: string) => packages.scope(url),
  };
};
