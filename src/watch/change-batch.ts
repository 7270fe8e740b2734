/** What changed between two looks at the same files. */
import { join } from 'node:path';
import type { DirectoryState, FileState, FileTree } from './file-tree.ts';

export interface FileChange {
  /** Absolute. */
  readonly path: string;
  readonly kind: 'changed' | 'added' | 'removed';
}

/** Files that changed together, each once, in the order of their paths. A rename is a removal and an addition. */
export interface ChangeBatch {
  readonly files: readonly FileChange[];
}

const NO_FILES: DirectoryState = { files: new Map(), directories: [] };

/**
 * The difference of two looks. How a file came to be different does not show: written, replaced by
 * another one (as editors save), touched: `changed`. Made and removed in between: nothing.
 */
export const compareTrees = (before: FileTree, after: FileTree): readonly FileChange[] => {
  const changes: FileChange[] = [];
  for (const directory of new Set([...before.keys(), ...after.keys()])) {
    const old = before.get(directory) ?? NO_FILES;
    const now = after.get(directory) ?? NO_FILES;
    // A directory that was not looked at again is the same object.
    if (old === now) continue;
    for (const [name, state] of now.files) {
      const known = old.files.get(name);
      if (known === undefined) changes.push({ path: join(directory, name), kind: 'added' });
      else if (!isSame(known, state)) changes.push({ path: join(directory, name), kind: 'changed' });
    }
    for (const name of old.files.keys()) {
      if (!now.files.has(name)) changes.push({ path: join(directory, name), kind: 'removed' });
    }
  }
  return changes;
};

const isSame = (one: FileState, other: FileState): boolean =>
  one.inode === other.inode && one.size === other.size && one.modified === other.modified;

/** One batch of what was found in several places. */
export const toBatch = (changes: readonly FileChange[]): ChangeBatch => ({
  files: [...changes].sort((one, other) => (one.path < other.path ? -1 : 1)),
});
