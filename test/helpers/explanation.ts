/** `wasmrun explain` of a sandbox `web`, and what it says. */
import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import { runCli, startCli } from './cli.ts';
import type { CliRun } from './cli.ts';
import { guestPath } from './engine.ts';

export interface Explained {
  readonly status: number | null;
  readonly broken: string | null;
  readonly hops: Readonly<
    Record<string, { readonly state: string; readonly sentence: string; readonly fix?: string }>
  >;
  /** Of the first that is broken. */
  readonly sentence: string | undefined;
  readonly fix: string | undefined;
}

interface HopDocument {
  readonly hop: string;
  readonly state: string;
  readonly sentence: string;
  readonly fix?: string;
}

/** Reads the document that `--json` prints. */
export const readExplanation = (status: number | null, stdout: string): Explained => {
  const { command, exit_code, data } = JSON.parse(stdout) as {
    command: string;
    exit_code: number;
    data: { broken: string | null; hops: HopDocument[] };
  };
  expect([command, exit_code]).toEqual(['explain', status]);
  const hops = Object.fromEntries(data.hops.map((hop) => [hop.hop, hop]));
  const first = data.hops.find(({ state }) => state === 'broken');
  expect([data.broken, status]).toEqual(first === undefined ? [null, 0] : [first.hop, 1]);
  return { status, broken: data.broken, hops, sentence: first?.sentence, fix: first?.fix };
};

/** @param port - as it is typed, e.g. `53/udp` */
export const explain = async (prefix: string, port: number | string): Promise<Explained> => {
  const { status, stdout } = await runCli(['explain', 'web', String(port), '--json'], { prefix });
  return readExplanation(status, stdout);
};

/** The host port of the one forward of a sandbox that runs. */
export const hostPort = async (prefix: string): Promise<number> => {
  const { stdout } = await runCli(['port', 'list', 'web', '--json'], { prefix });
  const { data } = JSON.parse(stdout) as { data: { forwards: { host_port: number }[] } };
  return data.forwards[0]!.host_port;
};

/** Runs a command line as it is told to people. */
export const sh = (command: string): string =>
  execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8', stdio: 'pipe' });

export interface Web {
  readonly run: CliRun;
  /** The host port. */
  readonly port: number;
}

/** A sandbox `web` with a forward to port 3000. */
export const start = async (prefix: string, ...args: readonly string[]): Promise<Web & AsyncDisposable> => {
  const guest = guestPath('echo-wasmedge');
  const run = startCli(['os', guest, '--name', 'web', '--forward', '3000', ...args, '--', '3000'], {
    prefix,
  });
  const { port } = new URL(await run.url());
  return {
    run,
    port: Number(port),
    async [Symbol.asyncDispose]() {
      run.process.kill('SIGTERM');
      await run.ended;
      await run[Symbol.asyncDispose]();
    },
  };
};

const [VETH, ADDRESS] = [/^(\S+) \(\S+\) leads to/, /address (\S+)\)$/];
export const vethOf = ({ hops }: Explained): string => VETH.exec(hops['interface']!.sentence)![1]!;
export const addressOf = ({ hops }: Explained): string => ADDRESS.exec(hops['sandbox']!.sentence)![1]!;
