/** `wasmrun os --detach`: stores what was asked for, has it supervised apart, and returns when the app is ready. */
import { resolve } from 'node:path';
import { requestedForwards } from '../define-sandbox.ts';
import { WasmrunError } from '../errors.ts';
import { Sandboxes } from '../sandboxes.ts';
import type { NewSandbox, RestartPolicy, StoredSandbox } from '../sandbox/stored-sandbox.ts';
import { showReport } from './commands/lifecycle.ts';
import { readApp } from '../read-app.ts';
import type { AppFlags } from '../read-app.ts';
import type { Session } from './session.ts';

export interface DetachRequest {
  /** As it was typed. */
  readonly path: string;
  readonly flags: AppFlags;
  readonly isWatched: boolean;
  readonly restart: RestartPolicy;
}

/** Variables that settings, runtimes and Node itself look at; the rest of a terminal's is not kept. */
const KEPT_VARIABLES =
  /^(WASMRUN_.*|PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_.*|TZ|XDG_.*|SUDO_.*|VIRTUAL_ENV|FLASK_.*|NODE_ENV)$/;

/** @returns the exit status: 0 when the app is ready */
export const detachApp = async (session: Session, request: DetachRequest): Promise<number> => {
  const { output } = session;
  const { path, flags, isWatched, restart } = request;
  // Whatever is wrong with it is said here, before anything is kept.
  const { settings, app } = await readApp(output.log, path, flags, { build: 'later' });
  const sandboxes = new Sandboxes(settings.network.namespacePrefix, output.log);
  const stored = await store(sandboxes, app, {
    name: app.name,
    launch: {
      app: resolve(path),
      directory: process.cwd(),
      flags: withVariables(flags),
      environment: keptVariables(),
      isWatched,
    },
    restart,
    wanted: 'running',
    forwards: requestedForwards(settings),
  });
  const { name, id } = stored;
  try {
    await sandboxes.start(name, (report) => showReport(output, report, false));
  } catch (error) {
    // It has never worked: nothing of it is to stay.
    await sandboxes.remove(name, true);
    throw error;
  }
  output.result(`${name}\n`, { type: 'detached', name, id });
  return 0;
};

/** A derived name gets a number where it is taken. */
const store = async (
  sandboxes: Sandboxes,
  { name, nameIsExplicit }: { readonly name: string; readonly nameIsExplicit: boolean },
  sandbox: NewSandbox,
): Promise<StoredSandbox> => {
  for (let number = 1; ; number += 1) {
    try {
      return await sandboxes.add({ ...sandbox, name: number === 1 ? name : `${name}-${number}` });
    } catch (error) {
      const isTaken = error instanceof WasmrunError && error.code === 'NAME_IN_USE';
      if (!isTaken || nameIsExplicit) throw error;
    }
  }
};

/** `--env NAME` passes on what the variable is now, at later starts as well. */
const withVariables = (flags: AppFlags): Record<string, string | readonly string[]> => {
  const given = Object.entries(flags).flatMap(([flag, value]) =>
    value === undefined ? [] : [[flag, value] as const],
  );
  const variables = [flags['--env'] ?? []].flat().map((text) => {
    const value = text.includes('=') ? undefined : process.env[text];
    return value === undefined ? text : `${text}=${value}`;
  });
  return { ...Object.fromEntries(given), ...(variables.length > 0 && { '--env': variables }) };
};

const keptVariables = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && KEPT_VARIABLES.test(name) ? [[name, value]] : [],
    ),
  );
