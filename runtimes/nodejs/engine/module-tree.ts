/**
 * Files as the loaders of modules look at them: for each module they ask for a dozen paths, most of which are not there.
 * One look at a directory answers for all in it; it holds as long as the guest runs without a break and changes nothing.
 */
import path from 'node:path';
import { FILETYPE } from '../../../src/engine/descriptor.ts';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';

/** File types of {@link FILETYPE} by name. */
type Listing = ReadonlyMap<string, number>;

/** What the library expects of `internalModuleStat`: numbers of libuv, and its own. */
const ENOENT = -2;
const FILE = 0;
const DIRECTORY = 1;

export class ModuleTree {
  readonly #files: GuestFileSystem;
  /** A number that differs as soon as what was seen may not be so any more. */
  readonly #moment: () => number;
  #seenAt = -1;
  readonly #listings = new Map<string, Listing | undefined>();
  /** Where directories lie, without symbolic links; undefined for what is no directory. */
  readonly #directories = new Map<string, string | undefined>();

  constructor(files: GuestFileSystem, moment: () => number) {
    this.#files = files;
    this.#moment = moment;
  }

  /** 0 for what is no directory, 1 for a directory, or a negated errno. */
  kind(file: string): number {
    const type = this.#typeOf(file);
    if (type === undefined) return this.#statKind(file);
    if (type < 0) return type;
    return type === FILETYPE.directory ? DIRECTORY : FILE;
  }

  /** The path without symbolic links; undefined where something is missing. */
  realPath(file: string): string | undefined {
    const type = this.#typeOf(file);
    if (type === undefined || type < 0) return this.#askRealPath(file);
    const directory = this.#directoryOf(path.dirname(file));
    return directory === undefined ? undefined : joined(directory, path.basename(file));
  }

  /** The text of a file; undefined where it cannot be read. */
  text(file: string): string | undefined {
    const type = this.#typeOf(file);
    if (type !== undefined && type < 0) return undefined;
    const text = this.#files.readText(file, 0);
    return typeof text === 'string' ? text : undefined;
  }

  #askRealPath(file: string): string | undefined {
    const resolved = this.#files.realPath(file);
    return typeof resolved === 'number' ? undefined : resolved.toString();
  }

  #statKind(file: string): number {
    const stat = this.#files.stat(file, true);
    if (typeof stat === 'number') return stat;
    return stat.filetype === FILETYPE.directory ? DIRECTORY : FILE;
  }

  /** Other forms of paths mean the same in ways that are not looked into here. */
  #knows(file: string): boolean {
    return file.startsWith('/') && path.normalize(file) === file && !file.endsWith('/');
  }

  /** A type, a negated errno, or undefined where the path has to be asked for itself. */
  #typeOf(file: string): number | undefined {
    if (!this.#knows(file)) return undefined;
    this.#forgetOld();
    const directory = this.#directoryOf(path.dirname(file));
    if (directory === undefined) return ENOENT;
    const listing = this.#list(directory);
    if (listing === undefined) return undefined;
    const type = listing.get(path.basename(file));
    if (type === undefined) return ENOENT;
    return type === FILETYPE.symbolicLink || type === FILETYPE.unknown ? undefined : type;
  }

  /** Where a directory lies; undefined where there is none. */
  #directoryOf(directory: string): string | undefined {
    if (directory === '/') return directory;
    if (this.#directories.has(directory)) return this.#directories.get(directory);
    const found = this.#findDirectory(directory);
    this.#directories.set(directory, found);
    return found;
  }

  #findDirectory(directory: string): string | undefined {
    const parent = this.#directoryOf(path.dirname(directory));
    if (parent === undefined) return undefined;
    const type = this.#list(parent)?.get(path.basename(directory));
    if (type === FILETYPE.directory) return joined(parent, path.basename(directory));
    // What cannot be listed may have something in it nonetheless.
    if (type === undefined && this.#list(parent) !== undefined) return undefined;
    return this.#statKind(directory) === DIRECTORY ? this.#askRealPath(directory) : undefined;
  }

  #list(directory: string): Listing | undefined {
    if (this.#listings.has(directory)) return this.#listings.get(directory);
    const entries = this.#files.readDirectory(directory);
    const listing =
      typeof entries === 'number'
        ? undefined
        : new Map(entries.map(({ name, filetype }) => [Buffer.from(name).toString(), filetype]));
    this.#listings.set(directory, listing);
    return listing;
  }

  #forgetOld(): void {
    const moment = this.#moment();
    if (moment === this.#seenAt) return;
    this.#seenAt = moment;
    this.#listings.clear();
    this.#directories.clear();
  }
}

const joined = (directory: string, name: string): string =>
  directory === '/' ? `/${name}` : `${directory}/${name}`;
