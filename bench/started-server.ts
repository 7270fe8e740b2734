/** Servers as processes of this machine, asked until they answer. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { NodeCommand } from '../test/helpers/nodejs-command.ts';
import { untilFirst200 } from './first-answer.ts';

export interface Server extends AsyncDisposable {
  readonly port: number;
  /** What was started: the program itself, or the command. */
  readonly pid: number;
  /** From the start to the first 200, in ms. */
  readonly startTime: number;
}

/** Starts a server and waits for its first answer; fails with what it said if it ends before. */
export const startServer = async ({ file, args, cwd, env }: NodeCommand, port: number): Promise<Server> => {
  const begin = performance.now();
  const child: ChildProcess = spawn(file, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text));
  const failure = ended.then(([status]) => {
    throw new Error(`${[file, ...args].join(' ')} ended with ${String(status)}: ${said}`);
  });
  const startTime = await Promise.race([untilFirst200(port, begin), failure]);
  failure.catch(() => {}); // it is asked to end
  return {
    port,
    pid: child.pid!,
    startTime,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
};
