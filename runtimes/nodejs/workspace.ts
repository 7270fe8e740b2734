/** Workspaces of npm, yarn and pnpm: several packages whose dependencies lie in `node_modules` of one root. */
import { readFile } from 'node:fs/promises';
import { join, matchesGlob, relative } from 'node:path';
import { WasmrunError } from '../../src/errors.ts';
import { readPackageJson } from './package-json.ts';
import { ancestors } from '../../src/runtime/app-directory.ts';

/**
 * The root of the workspace that a package is a member of; undefined for a package of its own.
 * @param packageRoot - absolute, without symbolic links
 * @throws {WasmrunError} `APP_NOT_RUNNABLE` for a file that describes a workspace and cannot be read
 */
export const findWorkspaceRoot = async (packageRoot: string): Promise<string | undefined> => {
  for (const candidate of ancestors(packageRoot).slice(1)) {
    const member = relative(candidate, packageRoot);
    if (isMember(member, readPackageJson(candidate)?.workspaces ?? [])) return candidate;
    if (isMember(member, await pnpmPatterns(candidate))) return candidate;
  }
  return undefined;
};

/**
 * Do the patterns of a workspace include a directory? As npm and pnpm read them: globs of directories, those
 * with `!` in front exclude, and nothing in `node_modules` is a member.
 * @param member - relative to the workspace's root
 */
export const isMember = (member: string, patterns: readonly string[]): boolean => {
  if (member.split('/').includes('node_modules')) return false;
  const matches = (pattern: string): boolean =>
    matchesGlob(member, pattern.replace(/^(\.?\/)+/, '').replace(/\/+$/, ''));
  const excluded = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  return patterns.some((pattern) => !pattern.startsWith('!') && matches(pattern)) && !excluded.some(matches);
};

/** `packages` of `pnpm-workspace.yaml`; none where there is no such file or list. */
const pnpmPatterns = async (directory: string): Promise<string[]> => {
  const path = join(directory, 'pnpm-workspace.yaml');
  const failed = (reason: string, cause: unknown) =>
    new WasmrunError('APP_NOT_RUNNABLE', `${path} ${reason}`, { hint: 'correct it', cause });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw failed(`cannot be read: ${error.message}`, error);
  });
  if (text === undefined) return [];
  const { parse } = await import('yaml');
  try {
    const parsed = parse(text) as { packages?: unknown } | null;
    return Array.isArray(parsed?.packages) ? parsed.packages.filter((item) => typeof item === 'string') : [];
  } catch (error) {
    throw failed('is not YAML', error);
  }
};
