/**
 * Sweeps up after a supervisor that is killed. Until somebody does, the kernel goes on redirecting its host
 * ports, and whoever listens there next is not reached. What waits is a shell, which is small.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { packageFile } from '../os/package-file.ts';

/** Becomes the command in its arguments unless it is told a line before the end of its input. */
const WAIT = 'read -r _ || exec "$@"';

/** Waits once armed; disposing sends it away. */
export class Reaper implements AsyncDisposable {
  #shell: ChildProcess | undefined;

  /** @param prefix - prefix of what is to be swept by `wasmrun gc` */
  arm(prefix: string): void {
    const sweep = [process.execPath, '--', packageFile('bin/wasmrun.cjs'), 'gc'];
    this.#shell = spawn('/bin/sh', ['-c', WAIT, 'sh', ...sweep], {
      // This process's end of the pipe ends with it, however it ends.
      stdio: ['pipe', 'ignore', 'ignore'],
      // A group of its own: it outlives a Ctrl-C, and a kill of this one's group.
      detached: true,
      cwd: '/',
      env: { ...process.env, WASMRUN_NAMESPACE_PREFIX: prefix },
    });
    // Without it the next command sweeps.
    this.#shell.on('error', () => {});
    this.#shell.stdin?.on('error', () => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const shell = this.#shell;
    if (shell?.pid === undefined || shell.exitCode !== null || shell.signalCode !== null) return;
    const gone = once(shell, 'exit');
    shell.stdin?.end('\n');
    await gone;
  }
}
