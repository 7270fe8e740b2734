/** An app whose files change while the real command watches it. */
import { copyFile, mkdtempDisposable, rename, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { childrenOf, eventually, remains, startCli } from './cli.ts';
import type { CliOptions, CliRun } from './cli.ts';
import { guestPath } from './engine.ts';

const PATIENCE_MS = 15_000;

export interface LiveApp extends AsyncDisposable {
  readonly path: string;
  readonly module: string;
  /** Puts a guest of test/guests in the place of the module, as a build does: all at once. */
  save(guest: string): Promise<void>;
  configure(text: string): Promise<void>;
}

export const createApp = async (
  guest: string,
  config = '[network]\nforwards = ["3000"]\n',
): Promise<LiveApp> => {
  const directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-live-'));
  const module = join(directory.path, 'server.wasm');
  // Outside of what is watched: on a busy machine the draft would be noticed before it is in its place.
  const draft = `${directory.path}.draft`;
  const app: LiveApp = {
    path: directory.path,
    module,
    async save(name) {
      await copyFile(guestPath(name), draft);
      await rename(draft, module);
    },
    configure: (text) => writeFile(join(directory.path, '.wasmrun.toml'), text),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
  await app.save(guest);
  await app.configure(config);
  return app;
};

/** Runs the app with `--watch`. */
export const watch = (
  app: LiveApp,
  args: readonly string[],
  options: CliOptions & { readonly prefix: string },
): CliRun => startCli(['os', app.path, '--watch', ...args], options);

/** Processes of engines among a supervisor's children. */
export const enginesOf = (supervisor: number): number[] =>
  childrenOf(supervisor).filter((pid) => {
    try {
      return /node|MainThread/.test(readFileSync(`/proc/${pid}/comm`, 'utf8'));
    } catch {
      return false; // ended meanwhile
    }
  });

/** The engine of the version in charge: the newest, once the one before is gone. */
export const engineOf = async (run: Pick<CliRun, 'process'>): Promise<number> => {
  const engines = (): number[] => enginesOf(run.process.pid!);
  expect(await eventually(() => engines().length === 1, PATIENCE_MS)).toBe(true);
  return engines()[0]!;
};

/** How often a new version has taken over. */
export const reloads = (run: CliRun): number => run.stderr().match(/^reloaded /gm)?.length ?? 0;

/** Waits for the next version to be in charge after `change`. */
export const reloaded = async (run: CliRun, change: () => Promise<void>): Promise<void> => {
  const before = reloads(run);
  await change();
  expect(await eventually(() => reloads(run) > before, PATIENCE_MS), run.stderr()).toBe(true);
};

/** Over a connection of its own. */
export const get = async (url: string): Promise<string> =>
  (await fetch(url, { headers: { connection: 'close' } })).text();

/** Stops it as `kill` does: nothing is left. */
export const stop = async (run: CliRun): Promise<void> => {
  run.process.kill('SIGTERM');
  const { status, stderr } = await run.ended;
  expect(status, stderr).toBe(143);
  expect(remains(run.prefix)).toEqual([]);
};
