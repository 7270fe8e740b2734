/** The files of one commit of somebody else's repository, laid out in a directory of our own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export interface SourceTree {
  /** Where the files are. */
  readonly directory: string;
  /** The commit they are from, 40 hex digits. */
  readonly commit: string;
  /** Files of the commit that the repository has no content of: a snapshot may lack its largest ones. */
  readonly absent: readonly string[];
}

const MAX_LISTING_BYTES = 64 * 1024 * 1024;

const git = (repository: string, args: readonly string[], input = ''): string =>
  execFileSync('git', ['-C', repository, ...args], {
    encoding: 'utf8',
    input,
    maxBuffer: MAX_LISTING_BYTES,
  });

/** The full name of the commit that a tag, branch or abbreviation means. */
export const commitOf = (repository: string, revision: string): string =>
  git(repository, ['rev-parse', '--verify', `${revision}^{commit}`]).trim();

interface TreeEntry {
  readonly object: string;
  readonly path: string;
}

const listTree = (repository: string, commit: string): TreeEntry[] =>
  git(repository, ['ls-tree', '-r', '-z', '--full-tree', commit])
    .split('\0')
    .filter((entry) => entry.includes('\t'))
    .map((entry) => {
      // git-ls-tree(1): mode, type, object, tab, path.
      const [attributes = '', path = ''] = entry.split('\t');
      return { object: attributes.split(' ')[2]!, path };
    });

/** Those of the entries whose content is not in the repository. */
const absentFiles = (repository: string, entries: readonly TreeEntry[]): string[] => {
  const objects = entries.map(({ object }) => object).join('\n');
  const answers = git(repository, ['cat-file', '--batch-check'], objects);
  const missing = new Set([...answers.matchAll(/^(\S+) missing$/gm)].map(([, object]) => object));
  return entries.filter(({ object }) => missing.has(object)).map(({ path }) => path);
};

const isUnder = (path: string, parent: string): boolean => path === parent || path.startsWith(`${parent}/`);

/**
 * Lays files of a commit out in a directory, which is emptied before.
 * @param repository - a checkout or a git directory
 * @param paths - files and directories that are wanted if they are there; by default everything
 */
export const extractTree = (
  repository: string,
  commit: string,
  directory: string,
  paths: readonly string[] = [],
): SourceTree => {
  const all = listTree(repository, commit);
  const existing = paths.filter((wanted) => all.some(({ path }) => isUnder(path, wanted)));
  if (paths.length > 0 && existing.length === 0) throw new Error(`${repository} has no ${paths.join(', ')}`);
  const entries =
    paths.length === 0 ? all : all.filter(({ path }) => existing.some((each) => isUnder(path, each)));
  const absent = absentFiles(repository, entries);
  const wanted = [...existing, ...absent.map((path) => `:(top,exclude,literal)${path}`)];
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const archive = join(directory, '.archive.tar');
  git(repository, ['archive', '--output', archive, commit, '--', ...wanted]);
  execFileSync('tar', ['-x', '-f', archive, '-C', directory]);
  rmSync(archive);
  return { directory, commit, absent };
};
