/**
 * A machine with a systemd of its own, really running: the first process of namespaces for processes, mounts,
 * network, name and control groups. Nothing but the units of the test is started, and /run and
 * /etc/systemd/system are the machine's own; all other files are this machine's.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, runCli, type CliEnd, type CliOptions } from './cli.ts';

/** Units that others refer to, and nothing else is in: sysinit.target and its like would start this machine's own. */
const TARGETS = ['sysinit', 'basic', 'network-online', 'multi-user', 'shutdown'];

const JOIN = `echo $$ > "$1/cgroup.procs"; shift; exec "$@"`;

const BOOT = `
  mount --make-rprivate /
  mount -t proc proc /proc
  mount -t tmpfs tmpfs /run
  umount -R /sys/fs/cgroup
  mount -t cgroup2 cgroup /sys/fs/cgroup
  mount -t tmpfs tmpfs /etc/systemd/system
  for target in ${TARGETS.join(' ')}; do
    printf '[Unit]\\nDefaultDependencies=no\\n' > /etc/systemd/system/$target.target
  done
  ip link set lo up
  exec env -i PATH="$PATH" container=test SYSTEMD_UNIT_PATH=/etc/systemd/system \
    /lib/systemd/systemd --system --unit=multi-user.target --show-status=no --log-target=null`;

export interface SystemdMachine extends AsyncDisposable {
  /** Process id of its systemd. */
  readonly init: number;
  /** Runs a command to its end. */
  run(command: readonly [string, ...string[]], options?: Omit<CliOptions, 'command'>): Promise<CliEnd>;
}

/** @param name - of its control group */
export const bootSystemd = async (name: string): Promise<SystemdMachine> => {
  const group = `${controlGroups()}/${name}`;
  mkdirSync(group);
  const namespaces = ['--pid', '--mount', '--uts', '--ipc', '--net', '--cgroup'];
  const unshare = ['unshare', '--fork', '--kill-child', ...namespaces, '--', 'sh', '-ec', BOOT];
  const child = spawn('sh', ['-ec', JOIN, 'sh', group, ...unshare], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    await removeGroup(group);
  };
  try {
    const init = await firstProcess(child.pid!, ended);
    const enter = ['nsenter', `--target=${init}`, '--all', '--'] as const;
    const machine: SystemdMachine = {
      init,
      run: ([file, ...args], options = {}) => runCli(args, { ...options, command: [...enter, file] }),
      [Symbol.asyncDispose]: stop,
    };
    while (!/^(running|degraded)$/m.test((await machine.run(['systemctl', 'is-system-running'])).stdout))
      await sleep(50);
    return machine;
  } catch (error) {
    await stop();
    throw error;
  }
};

/** Where control groups of the second version are. */
const controlGroups = (): string => {
  const [, path] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8')) ?? [];
  if (path === undefined) throw new Error('there are no control groups of version 2');
  return path;
};

const firstProcess = async (pid: number, ended: Promise<unknown>): Promise<number> => {
  let isOver = false;
  void ended.then(() => (isOver = true));
  for (;;) {
    if (isOver) throw new Error('systemd has not started');
    const init = childrenOf(pid)[0];
    // Before it becomes systemd it is a shell.
    if (init !== undefined && readFileSync(`/proc/${init}/comm`, 'utf8') === 'systemd\n') return init;
    await sleep(20);
  }
};

/** Groups end with their processes, which the kernel ends with the first of them. */
const removeGroup = async (path: string): Promise<void> => {
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) await removeGroup(`${path}/${entry.name}`);
  for (let attempt = 0; ; attempt += 1) {
    try {
      return rmdirSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || attempt === 100) throw error;
      await sleep(20);
    }
  }
};
