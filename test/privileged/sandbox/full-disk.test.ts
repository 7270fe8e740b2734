import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { LogEntry } from '../../../src/sandbox/log-entry.ts';

const PROGRAM = fileURLToPath(new URL('full-disk-program.ts', import.meta.url));
/** Seen in its own mount namespace only, and gone with that. */
const WITH_DISK = 'mount -t tmpfs -o size=256k none "$1" && exec "$2" "$3" "$1"';

test('a full disk costs lines of the log, which says how many, and nothing else', () => {
  const disk = mkdtempSync(join(tmpdir(), 'wasmrun-disk-'));
  const args = ['--mount', 'sh', '-c', WITH_DISK, 'sh', disk, process.execPath, PROGRAM];
  const stdout = execFileSync('unshare', args, { encoding: 'utf8' });
  rmdirSync(disk);
  const entries = JSON.parse(stdout) as LogEntry[];
  const written = entries.filter(({ text }) => /^[xy]+\n$/.test(text)).length;
  const texts = entries.map(({ text }) => text);
  expect(texts[0]).toBe('before\n');
  expect(texts.slice(written + 1)).toEqual([
    expect.stringMatching(new RegExp(`^${100 - written} lines could not be written here: .*ENOSPC`)),
    'after\n',
  ]);
  expect(entries.at(-2)!.stream).toBe('wasmrun');
});
