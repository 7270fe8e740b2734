/** An ordinary user of this machine, made for a test: runs the real command without root. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCli } from './cli.ts';
import type { CliEnd, CliOptions, CliRun } from './cli.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The project may lie where only root may enter, so it is shown at a place of its own, in a mount namespace;
 * then the user takes over. All of it replaces itself, so the process that is started is the command.
 */
const BECOME =
  'while [ "$1" != -- ]; do mount --bind /dev/null "$1" || exit 99; shift; done; ' +
  'mount --bind "$2" "$3" || exit 99; uid=$4; shift 4; ' +
  'exec setpriv --reuid "$uid" --regid "$uid" --clear-groups -- env -i "$@"';

/** Where a program really lies. */
const locate = (program: string): string =>
  realpathSync(execFileSync('which', [program], { encoding: 'utf8' }).trim());

export interface UserOptions extends CliOptions {
  /** A command that becomes the one behind it, e.g. `['unshare', '--ipc', '--']`. */
  readonly through?: readonly string[];
  /** What Node runs, from the project's directory; else the command. */
  readonly program?: string;
  /** Programs that do not exist for the command. */
  readonly hidden?: readonly string[];
}

export class OrdinaryUser implements Disposable {
  readonly uid: number;
  readonly #directory = mkdtempSync(join(tmpdir(), 'wasmrun-user-'));
  readonly #project = join(this.#directory, 'project');
  readonly home = join(this.#directory, 'home');
  /** Where its runtime files belong; the command finds it in XDG_RUNTIME_DIR. */
  readonly runtime = join(this.#directory, 'runtime');

  /** @param uid - by default one that no account has */
  constructor(uid = randomInt(100_000, 1_000_000)) {
    this.uid = uid;
    chmodSync(this.#directory, 0o755);
    mkdirSync(this.#project);
    for (const own of [this.home, this.runtime]) {
      mkdirSync(own, { mode: 0o700 });
      chownSync(own, this.uid, this.uid);
    }
  }

  /** Path of a guest program as this user sees it. */
  guest(name: string): string {
    return join(this.#project, 'test', 'guests', `${name}.wasm`);
  }

  start(
    args: readonly string[],
    { program = 'bin/wasmrun.cjs', through = [], hidden = [], env = {}, ...options }: UserOptions = {},
  ): CliRun {
    const node = join(
      this.#project,
      'node_modules',
      `node-${process.platform}-${process.arch}`,
      'bin',
      'node',
    );
    const variables = {
      HOME: this.home,
      PATH: '/usr/bin:/bin',
      NO_COLOR: '1',
      XDG_RUNTIME_DIR: this.runtime,
      ...(options.prefix !== undefined && { WASMRUN_NAMESPACE_PREFIX: options.prefix }),
      ...env,
    };
    const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const command = [...assignments, ...through, node, '--', join(this.#project, program)];
    const become = [...hidden.map(locate), '--', ROOT, this.#project, String(this.uid)];
    return startCli(args, {
      ...options,
      command: ['unshare', '--mount', 'sh', '-c', BECOME, 'sh', ...become, ...command],
    });
  }

  run(args: readonly string[], options: UserOptions = {}): Promise<CliEnd> {
    return this.start(args, options).ended;
  }

  /** Files of a prefix; empty when a sandbox left nothing. */
  remains(prefix: string): string[] {
    const directories = [join(this.runtime, 'wasmrun', prefix), `/tmp/wasmrun-${this.uid}`];
    return directories.filter((directory) => existsSync(directory));
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }
}
