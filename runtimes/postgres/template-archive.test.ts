import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packDirectory, unpackDirectory } from './template-archive.ts';

const files = fc.dictionary(
  fc.stringMatching(/^[a-c]{1,2}\/[a-z]{1,8}$/),
  fc.oneof(fc.uint8Array(), fc.constantFrom(Uint8Array.of(), Uint8Array.of(0xff, 0))),
);

test('what was packed is unpacked, empty files and equal ones included, and directories come first', () => {
  fc.assert(
    fc.property(files, (contents) => {
      const directory = mkdtempSync(join(tmpdir(), 'wasmrun-archive-'));
      try {
        for (const [path, content] of Object.entries(contents)) {
          mkdirSync(join(directory, dirname(path)), { recursive: true });
          writeFileSync(join(directory, path), content);
        }
        const found = new Map<string, string>();
        const directories = new Set(['.']);
        for (const { path, content } of unpackDirectory(packDirectory(directory))) {
          expect(directories).toContain(dirname(path));
          if (content === undefined) directories.add(path);
          else found.set(path, Buffer.from(content).toString('hex'));
        }
        const expected = Object.entries(contents).map(([path, content]) => [
          path,
          Buffer.from(content).toString('hex'),
        ]);
        expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
      } finally {
        rmSync(directory, { recursive: true });
      }
    }),
    { numRuns: 50 },
  );
});
