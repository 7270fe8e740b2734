/**
 * `wasmrun supervise`: what a detached sandbox is run by. Not for people: `os --detach` and `start` spawn it in a
 * session of its own, and follow what it reports.
 */
import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import type { DetachedReport } from '../../detached-supervisor.ts';
import { toErrorDocument } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { StoredSandbox } from '../../sandbox/stored-sandbox.ts';
import { loadAppSettings } from '../../app-settings.ts';
import { toWasmrunError } from '../exit-code.ts';
import { readApp } from '../../read-app.ts';
import { newCommand, type Session } from '../session.ts';

export const superviseCommand = (session: Session) =>
  newCommand('supervise')
    .description('Runs a stored sandbox; wasmrun os --detach and wasmrun start call it')
    .argument('<name>', 'name of the sandbox')
    .action(async (name) => {
      session.status = await supervise(name);
    });

const supervise = async (name: string): Promise<number> => {
  const { settings } = await loadAppSettings(process.cwd());
  const prefix = settings.network.namespacePrefix;
  const { SandboxLog } = await import('../sandbox-log.ts');
  const { Store } = await import('../../sandbox/store.ts');
  const { REPORT_FD } = await import('../../detached-supervisor.ts');
  const reports = new Reports(REPORT_FD);
  using sandboxLog = new SandboxLog(prefix, name);
  const log: Log = {
    ...sandboxLog.log,
    warn: (text) => {
      sandboxLog.log.warn(text);
      reports.send({ type: 'warning', text });
    },
  };
  await using store = new Store(prefix, { log });
  try {
    const stored = await store.find(name);
    if (stored === undefined) throw new Error(`${name} is not stored`);
    const { runDetached } = await import('../../wasmrun.ts');
    return await runDetached({
      stored,
      store,
      log,
      events: (event) => {
        sandboxLog.event(event);
        reports.send(event);
      },
      onReady: (silent) => reports.send({ type: 'ready', silent }),
      ...(await readStored(stored, log)),
    });
  } catch (thrown) {
    const error = toWasmrunError(thrown);
    sandboxLog.error(error);
    reports.send({ type: 'failed', ...toErrorDocument(error) });
    return error.exitStatus;
  }
};

/** What was asked for, resolved as it is today. */
const readStored = async ({ launch }: StoredSandbox, log: Log) => {
  const { app: path, flags, isWatched } = launch;
  const { settings, app, warnings, file } = await readApp(log, path, flags);
  for (const warning of warnings) log.warn(warning);
  return {
    settings,
    app,
    watchRoot: isWatched ? (file ?? app.directory) : undefined,
    refresh: (isBuilt: boolean, signal: AbortSignal) =>
      readApp(log, path, flags, { build: isBuilt ? 'now' : 'no', signal }),
  };
};

/** Whoever started this may be gone, or no longer interested. */
class Reports {
  readonly #stream: WriteStream;

  /** @param fd - closed with the last report */
  constructor(fd: number) {
    this.#stream = createWriteStream('', { fd }).on('error', () => {});
  }

  send(report: DetachedReport): void {
    if (this.#stream.destroyed || this.#stream.writableEnded) return;
    this.#stream.write(`${JSON.stringify(report)}\n`);
    if (report.type === 'ready' || report.type === 'failed') this.#stream.end();
  }
}
