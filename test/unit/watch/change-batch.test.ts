import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareTrees, toBatch, type FileChange } from '../../../src/watch/change-batch.ts';
import { withFilesOf, type FileState, type FileTree } from '../../../src/watch/file-tree.ts';

const state: fc.Arbitrary<FileState> = fc.record({
  inode: fc.nat(1),
  size: fc.nat(1),
  modified: fc.nat(1),
});

const tree: fc.Arbitrary<FileTree> = fc
  .dictionary(
    fc.constantFrom('/app', '/app/x', '/app/x/y'),
    fc.dictionary(fc.constantFrom('a', 'b', 'x'), state),
  )
  .map((directories) => {
    const entries = Object.entries(directories);
    return new Map(
      entries.map(([path, files]) => [path, { files: new Map(Object.entries(files)), directories: [] }]),
    );
  });

const filesOf = (files: FileTree): Map<string, FileState> =>
  new Map(
    [...files].flatMap(([directory, own]) =>
      [...own.files].map(([name, known]) => [join(directory, name), known]),
    ),
  );

/** Does to the earlier files what a batch says, as a reader of batches would. */
const apply = (before: FileTree, changes: readonly FileChange[], after: FileTree): Map<string, FileState> => {
  const files = filesOf(before);
  const now = filesOf(after);
  for (const { path, kind } of changes) {
    expect(files.has(path)).toBe(kind !== 'added');
    const known = now.get(path);
    expect(known === undefined).toBe(kind === 'removed');
    if (known === undefined) files.delete(path);
    else files.set(path, known);
  }
  return files;
};

describe('compareTrees', () => {
  test('tells exactly what leads from one look to the other, each file once', () => {
    fc.assert(
      fc.property(tree, tree, (before, after) => {
        const changes = compareTrees(before, after);
        expect(apply(before, changes, after)).toEqual(filesOf(after));
        expect(new Set(changes.map(({ path }) => path)).size).toBe(changes.length);
        for (const { path, kind } of changes) {
          if (kind === 'changed') expect(filesOf(before).get(path)).not.toEqual(filesOf(after).get(path));
        }
      }),
    );
  });

  test('whatever happened in between: only the first and the last look count', () => {
    fc.assert(
      fc.property(fc.array(tree, { minLength: 2, maxLength: 6 }), (looks) => {
        const [first, last] = [looks[0] ?? new Map(), looks.at(-1) ?? new Map()];
        let followed = filesOf(first);
        looks.slice(1).forEach((look, index) => {
          followed = apply(looks[index] ?? new Map(), compareTrees(looks[index] ?? new Map(), look), look);
        });
        expect(followed).toEqual(apply(first, compareTrees(first, last), last));
      }),
    );
  });

  test('the same look differs in nothing, but a time too young to compare differs from itself', () => {
    fc.assert(
      fc.property(tree, (look) => {
        expect(compareTrees(look, structuredClone(look))).toEqual([]);
      }),
    );
    const young = () =>
      new Map([
        ['/app', { files: new Map([['a', { inode: 1, size: 1, modified: Number.NaN }]]), directories: [] }],
      ]);
    expect(compareTrees(young(), young())).toEqual([{ path: '/app/a', kind: 'changed' }]);
  });
});

test('withFilesOf leaves nothing but changes of files that both looks have', () => {
  fc.assert(
    fc.property(tree, tree, (before, after) => {
      const changes = compareTrees(withFilesOf(before, after), after);
      const expected = compareTrees(before, after).filter(({ kind }) => kind === 'changed');
      expect(toBatch(changes)).toEqual(toBatch(expected));
    }),
  );
});

test('a batch is in the order of paths', () => {
  const change = (path: string): FileChange => ({ path, kind: 'added' });
  expect(toBatch(['/b', '/a/z', '/a'].map(change))).toEqual({ files: ['/a', '/a/z', '/b'].map(change) });
});
