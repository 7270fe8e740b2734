/**
 * A machine for tests that change what must not change on the real one: a network namespace with a LAN
 * behind it, and a mount namespace in which firewalls of others are installed, really running there.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { FIREWALL_TREE } from '../../../scripts/firewall-packages.ts';
import { createNamespace, type Namespace } from '../../../src/network/namespace.ts';
import { childrenOf } from '../../helpers/cli.ts';

const exec = promisify(execFile);

/** Addresses for documentation (RFC 5737): nobody else has them, and they stay inside the namespaces. */
const LAN_ADDRESS = '198.51.100.2';
const NEIGHBOUR_ADDRESS = '198.51.100.3';

/**
 * Lays the packages over /usr and, writable, over /etc and /var; /run is empty. The shell's directory is gone
 * then, hence the last line. Argument: the packages.
 */
const LAY = `
  set -e
  mount -t tmpfs none /run
  mkdir /run/layers
  cd /run/layers
  mkdir etc etc.work var var.work empty
  mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
  mount -t overlay overlay -o "lowerdir=$1/etc:/etc,upperdir=etc,workdir=etc.work" /etc
  mount -t overlay overlay -o "lowerdir=empty:/var,upperdir=var,workdir=var.work" /var
  cd /
  echo ready
  exec sleep infinity`;

export interface Machine extends AsyncDisposable {
  /** Its network: wasmrun and its clients run here. */
  readonly host: Namespace;
  /** Another machine on its network. */
  readonly neighbour: Namespace;
  /** What the neighbour calls it. */
  readonly lanAddress: string;
  readonly neighbourAddress: string;
  /** Runs a line in a shell of this machine, as root. Rejects, with what it printed, where it fails. */
  run(line: string): Promise<string>;
}

/** @param prefix - of the names of its namespaces and interfaces */
export const createMachine = async (prefix: string): Promise<Machine> => {
  if (!existsSync(FIREWALL_TREE)) throw new Error('run `node scripts/install-test-tools.ts` first, as root');
  await using made = new AsyncDisposableStack();
  const host = made.use(createNamespace(`${prefix}-host`));
  const neighbour = made.use(createNamespace(`${prefix}-lan`));
  // It goes with the namespace.
  host.run(() =>
    neighbour.connect({
      veth: `${prefix}-lan`,
      hostAddress: LAN_ADDRESS,
      sandboxAddress: NEIGHBOUR_ADDRESS,
    }),
  );
  const unshare = host.run(() =>
    spawn(
      'unshare',
      ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', LAY, 'sh', FIREWALL_TREE],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    ),
  );
  const ended = once(unshare, 'exit');
  made.defer(async () => {
    unshare.kill('SIGKILL');
    await ended;
  });
  await Promise.race([
    once(unshare.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('no machine'))),
  ]);
  const [init] = childrenOf(unshare.pid!);
  const enter = ['--target', String(init), '--mount', '--pid', '--', 'sh', '-c'];
  const stack = made.move();
  return {
    host,
    neighbour,
    lanAddress: LAN_ADDRESS,
    neighbourAddress: NEIGHBOUR_ADDRESS,
    run: async (line) =>
      (await host.run(() => exec('nsenter', [...enter, line], { timeout: 30_000 }))).stdout,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

/** What `curl` gets, or the number of its error: 7 refused, 28 no answer (curl(1)). */
export const fetchFrom = async (namespace: Namespace, url: string): Promise<string | number> => {
  const attempt = namespace.run(() => exec('curl', ['--silent', '--max-time', '2', '--noproxy', '*', url]));
  try {
    return (await attempt).stdout;
  } catch (error) {
    return (error as { code: number }).code;
  }
};
