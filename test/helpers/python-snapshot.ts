/** Starts of Python apps one after the other, with a cache of snapshots of their own. */
import { readdirSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { startPythonGuest, type PythonGuestOptions } from './python-guest.ts';

/** Gives each test of a file an empty cache. */
export const useOwnCache = (): void => {
  const before = process.env['XDG_CACHE_HOME'];
  let cache: Awaited<ReturnType<typeof mkdtempDisposable>>;
  beforeEach(async () => {
    cache = await mkdtempDisposable(join(tmpdir(), 'wasmrun-cache-'));
    process.env['XDG_CACHE_HOME'] = cache.path;
  });
  afterEach(async () => {
    await cache.remove();
    if (before === undefined) delete process.env['XDG_CACHE_HOME'];
    else process.env['XDG_CACHE_HOME'] = before;
  });
};

/** What a start of {@link program} prints. */
export const start = async (
  directory: string,
  options: Omit<PythonGuestOptions, 'directory'> = {},
): Promise<Record<string, unknown>> => {
  await using run = await startPythonGuest({ directory, module: 'main.py', ...options });
  const { status } = await run.ended;
  if (status !== 0) throw new Error(run.stderr());
  expect(run.stderr()).toBe('');
  return JSON.parse(run.stdout()) as Record<string, unknown>;
};

/** Absolute paths of those in the test's cache. */
export const snapshots = (): string[] => {
  const directory = join(process.env['XDG_CACHE_HOME']!, 'wasmrun');
  return readdirSync(directory)
    .filter((name) => name.endsWith('.snapshot'))
    .map((name) => join(directory, name));
};

/** The secret of `hash()` is the snapshot's: a start that has another one was not from it. */
const HASH = `hash('which snapshot')`;

/**
 * An app's `main.py` that prints values, and which snapshot it started from.
 * @param values - expressions of Python by name
 */
export const program = (values: Readonly<Record<string, string>>, lines = ''): string => `
import json, logging, os, random, secrets, sys, time, uuid
${lines}
print(json.dumps({ 'hash': ${HASH}, ${Object.entries(values)
  .map(([name, value]) => `'${name}': ${value}`)
  .join(', ')} }))
`;
