/** Starts a supervisor that outlives this process and its terminal, and follows it until the app is ready. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { WasmrunError, fromErrorDocument } from './errors.ts';
import type { ErrorDocument } from './errors.ts';
import { packageFile } from './os/package-file.ts';
import type { SandboxEvent } from './sandbox/events.ts';
import type { StoredSandbox } from './sandbox/stored-sandbox.ts';

/** Descriptor on which the supervisor reports, one JSON document a line. */
export const REPORT_FD = 3;

/** The app listens on all forwarded ports, or runs where there are none. */
export interface ReadyReport {
  readonly type: 'ready';
  /** Ports that nothing listens on yet, although it has had its time. */
  readonly silent: readonly string[];
}

/** It could not be started. */
export interface FailedReport extends ErrorDocument {
  readonly type: 'failed';
}

export interface WarningReport {
  readonly type: 'warning';
  readonly text: string;
}

/** What a detached supervisor reports; `exited` means that the app ended before it was ready. */
export type DetachedReport = SandboxEvent | ReadyReport | FailedReport | WarningReport;

/**
 * Resolves when the app is ready, and leaves it to itself.
 * @param onReport - told everything until then
 * @throws {WasmrunError} APP_ENDED where the app ended before, and whatever kept it from starting
 */
export const superviseDetached = async (
  { name, launch }: StoredSandbox,
  prefix: string,
  onReport: (report: DetachedReport) => void,
): Promise<void> => {
  const child = spawn(process.execPath, [packageFile('bin/wasmrun.cjs'), 'supervise', name], {
    cwd: launch.directory,
    env: { ...launch.environment, WASMRUN_NAMESPACE_PREFIX: prefix },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    // A session of its own: no signal of a terminal reaches it.
    detached: true,
  });
  const gone = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) =>
      reject(
        new WasmrunError(
          'ENGINE_FAILED',
          `the supervisor of ${name} ended (${signal ?? `status ${status}`})`,
        ),
      ),
    );
  });
  gone.catch(() => {});
  const giveUp = (): void => void child.kill('SIGTERM');
  process.on('SIGINT', giveUp).on('SIGTERM', giveUp);
  const reports = child.stdio[REPORT_FD] as Readable;
  try {
    if (!(await isReady(reports, name, onReport))) await gone;
  } finally {
    process.off('SIGINT', giveUp).off('SIGTERM', giveUp);
    reports.destroy();
    child.unref();
  }
};

/** False where the reports end before it is. */
const isReady = async (
  reports: Readable,
  name: string,
  onReport: (report: DetachedReport) => void,
): Promise<boolean> => {
  for await (const line of createInterface({ input: reports })) {
    const report = JSON.parse(line) as DetachedReport;
    onReport(report);
    if (report.type === 'ready') return true;
    if (report.type === 'failed') throw fromErrorDocument(report);
    if (report.type === 'exited' && report.status !== 0) {
      throw new WasmrunError('APP_ENDED', `${name} ended with status ${report.status} before it was ready`);
    }
    if (report.type === 'exited') return true;
  }
  return false;
};
