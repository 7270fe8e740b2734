/** Loads an HTTP server on this machine's loopback with connections that are kept open. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from './bench-host.ts';

export interface HttpLoad extends Disposable {
  /** What makes the requests. */
  readonly name: string;
  /**
   * Requests `/` for some time and says how many answers came.
   * @throws {Error} where one failed
   */
  run(port: number, connections: number, seconds: number): number;
}

const wrk = (): HttpLoad => ({
  name: 'wrk',
  run(port, connections, seconds) {
    const output = execFileSync(
      'wrk',
      ['-t1', `-c${connections}`, `-d${seconds}s`, `http://127.0.0.1:${port}/`],
      { encoding: 'utf8' },
    );
    const errors = /Socket errors: (.*)/.exec(output)?.[1] ?? /Non-2xx.*: (\d+)/.exec(output)?.[1];
    if (errors !== undefined && /[1-9]/.test(errors.replace(/timeout \d+/, '')))
      throw new Error(`failed requests at ${connections} connections: ${errors}`);
    return Number(/(\d+) requests in/.exec(output)![1]);
  },
  [Symbol.dispose]() {},
});

/** `native/http-load.c`, compiled for the occasion. */
const ownClient = (): HttpLoad => {
  const directory = temporaryDirectory();
  const program = join(directory.path, 'http-load');
  execFileSync('cc', ['-O2', '-o', program, fileURLToPath(new URL('native/http-load.c', import.meta.url))]);
  return {
    name: 'http-load.c',
    run: (port, connections, seconds) =>
      Number(execFileSync(program, [port, connections, seconds].map(String), { encoding: 'utf8' })),
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
};

/** wrk where it is installed, else a client of our own. */
export const openHttpLoad = (): HttpLoad => (spawnSync('wrk', ['--version']).error ? ownClient() : wrk());
