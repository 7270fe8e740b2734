/** `wasmrun service` where systemd runs, and where it does not. */
import { execFileSync } from 'node:child_process';
import { chmod, chown, copyFile, mkdir, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BIN, newPrefix, runCli } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { bootSystemd, type SystemdMachine } from '../../helpers/systemd-machine.ts';

/** A boot, four sandboxes, each started four times. */
const PATIENCE_MS = 180_000;

const USER = 54_321;
/** Of the users that every system has by name, as systemd wants it: Debian's, Base-Passwd. */
const DAEMON = 1;

/** An app in a home that is closed to others. */
const layOutApp = async (directory: string, owner = USER): Promise<string> => {
  const app = join(directory, 'home', 'app');
  await mkdir(app, { recursive: true });
  await copyFile(guestPath('hello-wasmedge'), join(app, 'server.wasm'));
  for (const path of [app, join(app, 'server.wasm'), join(directory, 'home')])
    await chown(path, owner, owner);
  await chmod(join(directory, 'home'), 0o700);
  // The engine without root walks there as its user.
  await chown(directory, owner, owner);
  return app;
};

const wasmrun = async (machine: SystemdMachine, prefix: string, ...args: string[]) =>
  await machine.run([BIN, ...args], { prefix });

const get = async (machine: SystemdMachine, url: string): Promise<string> =>
  (await machine.run(['curl', '--silent', '--show-error', url])).stdout;

describe('with a systemd that runs', () => {
  test.each(['nftables', 'iptables'])(
    'what it starts lives within its restrictions (%s)',
    async (transport) => {
      const prefix = newPrefix();
      const unit = `wasmrun-${prefix}.service`;
      await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-service-'));
      const app = await layOutApp(directory.path);
      await using machine = await bootSystemd(prefix);
      const ways = {
        direct: ['--transport', transport, '--forward', '80:3000'],
        handed: ['--transport', 'handoff', '--forward', '81:3000'],
        rootless: ['--isolation', 'user-namespace', '--forward', '82:3000'],
        virtual: ['--isolation', 'virtual', '--forward', '83:3000'],
      };
      for (const [name, options] of Object.entries(ways)) {
        const args = ['os', app, '--name', name, '--detach', '--restart', 'always', ...options];
        expect(await wasmrun(machine, prefix, ...args)).toMatchObject({ status: 0, stdout: `${name}\n` });
      }
      expect(await wasmrun(machine, prefix, 'stop', '--all')).toMatchObject({ status: 0 });

      const installed = await wasmrun(machine, prefix, 'service', 'install');
      expect(installed).toMatchObject({ status: 0 });
      expect(installed.stdout).toContain(`Wrote /etc/systemd/system/${unit}\nRan systemctl daemon-reload\n`);
      expect(installed.stdout).toContain(`Ran systemctl enable --now ${unit}\n`);
      for (const port of [80, 81, 82, 83])
        expect(await get(machine, `http://127.0.0.1:${port}/`)).toContain('Hello');
      // Seen by the whole machine, though the service made it.
      expect((await machine.run(['ip', 'netns', 'list'])).stdout).toContain(`${prefix}-direct`);
      const status = JSON.parse((await wasmrun(machine, prefix, 'status', 'direct', '--json')).stdout) as {
        data: { pid: number };
      };
      const supervisor = await machine.run([
        'cat',
        `/proc/${status.data.pid}/status`,
        `/proc/${status.data.pid}/cgroup`,
      ]);
      expect(supervisor.stdout).toMatch(/^NoNewPrivs:\t1$/m);
      expect(supervisor.stdout).toMatch(/^Seccomp:\t2$/m);
      // CAP_DAC_OVERRIDE 1, KILL 5, SETGID 6, SETUID 7, SETPCAP 8, NET_BIND_SERVICE 10, NET_ADMIN 12, NET_RAW 13,
      // SYS_PTRACE 19, SYS_ADMIN 21: linux/capability.h
      expect(supervisor.stdout).toMatch(/^CapBnd:\t0+2835e2$/m);
      expect(supervisor.stdout).toContain(unit);
      expect(await wasmrun(machine, prefix, 'service', 'status')).toMatchObject({
        status: 0,
        stdout: `/etc/systemd/system/${unit}: as this wasmrun writes it\n${unit}: enabled, active\n`,
      });

      expect(await machine.run(['systemctl', 'stop', unit])).toMatchObject({ status: 0 });
      expect((await machine.run(['ip', 'netns', 'list'])).stdout).not.toContain(prefix);
      expect((await wasmrun(machine, prefix, 'ps')).stdout).not.toContain('direct');
      expect(await machine.run(['systemctl', 'start', unit])).toMatchObject({ status: 0 });
      expect(await get(machine, 'http://127.0.0.1:80/')).toContain('Hello');

      const removed = await wasmrun(machine, prefix, 'service', 'uninstall');
      expect(removed).toMatchObject({ status: 0 });
      expect(removed.stdout).toContain(`Ran systemctl disable --now ${unit}\n`);
      expect(removed.stdout).toContain(`Removed /etc/systemd/system/${unit}\n`);
      expect((await machine.run(['ip', 'netns', 'list'])).stdout).not.toContain(prefix);
      expect(await wasmrun(machine, prefix, 'service', 'status')).toMatchObject({ status: 1 });
      expect(await wasmrun(machine, prefix, 'rm', ...Object.keys(ways))).toMatchObject({ status: 0 });
    },
    PATIENCE_MS,
  );

  test('a user has their own, in a manager of their own', async () => {
    const prefix = newPrefix();
    const unit = `wasmrun-${prefix}.service`;
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-service-'));
    const app = await layOutApp(directory.path, DAEMON);
    const home = join(directory.path, 'home');
    await using machine = await bootSystemd(prefix);
    const runtime = `/run/user/${DAEMON}`;
    const manager = [
      '[Unit]\nDefaultDependencies=no\n[Service]',
      `User=${DAEMON}\nType=notify\nDelegate=yes\nExecStart=/lib/systemd/systemd --user --log-target=null`,
      `Environment=HOME=${home} XDG_RUNTIME_DIR=${runtime} SYSTEMD_UNIT_PATH=${home}/.config/systemd/user`,
    ].join('\n');
    const setUp = `
      install -d -o ${DAEMON} -g ${DAEMON} -m 0700 ${runtime} ${home}/.config/systemd/user
      for target in basic shutdown default; do
        printf '[Unit]\\nDefaultDependencies=no\\n' > ${home}/.config/systemd/user/$target.target
      done
      chown -R ${DAEMON}:${DAEMON} ${home}/.config
      echo "$1" > /etc/systemd/system/manager.service
      systemctl daemon-reload
      systemctl start manager.service`;
    expect(await machine.run(['sh', '-ec', setUp, 'sh', manager])).toMatchObject({ status: 0, stderr: '' });
    const asUser = async (...args: string[]) =>
      await machine.run(
        ['setpriv', `--reuid=${DAEMON}`, `--regid=${DAEMON}`, '--clear-groups', BIN, ...args],
        {
          prefix,
          env: { HOME: home, XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: '', XDG_STATE_HOME: '' },
        },
      );
    const args = ['os', app, '--name', 'web', '--detach', '--restart', 'always', '--forward', '8080:3000'];
    expect(await asUser(...args)).toMatchObject({ status: 0 });
    expect(await asUser('stop', 'web')).toMatchObject({ status: 0 });
    const installed = await asUser('service', 'install', '--user');
    expect(installed).toMatchObject({ status: 0, stderr: '' });
    expect(installed.stdout).toContain(`Ran systemctl --user enable --now ${unit}\n`);
    expect(await get(machine, 'http://127.0.0.1:8080/')).toContain('Hello');
    expect((await asUser('service', 'status', '--user')).stdout).toContain(`${unit}: enabled, active\n`);
    expect(await asUser('service', 'uninstall', '--user')).toMatchObject({ status: 0 });
    expect((await asUser('ps')).stdout).not.toContain('web');
  });

  test('a unit of somebody else is left alone', async () => {
    const prefix = newPrefix();
    const path = `/etc/systemd/system/wasmrun-${prefix}.service`;
    await using machine = await bootSystemd(prefix);
    await machine.run(['sh', '-c', `echo '[Service]' > ${path}`]);
    for (const command of ['install', 'uninstall']) {
      const { status, stderr } = await wasmrun(machine, prefix, 'service', command);
      expect(status).toBe(1);
      expect(stderr).toContain(`error: ${path} was not written by wasmrun`);
    }
    expect((await machine.run(['cat', path])).stdout).toBe('[Service]\n');
    const { status, stdout } = await wasmrun(machine, prefix, 'service', 'status', '--json');
    expect({ status, ...(JSON.parse(stdout) as object) }).toMatchObject({
      status: 1,
      command: 'service status',
      exit_code: 1,
      data: { path, file: 'foreign', active: 'inactive' },
    });
  });
});

describe('without systemd', () => {
  /** Here /run and the units are nobody else's. */
  const APART = 'mount -t tmpfs t /run && mount -t tmpfs t /etc/systemd/system && exec "$@"';
  const apart = ['unshare', '--mount', 'sh', '-c', APART, 'sh'] as const;

  test('it says what to type, and what it did', async () => {
    const prefix = newPrefix();
    const script = `"$0" service install && "$0" service install && "$0" service status && "$0" service uninstall && ls /etc/systemd/system`;
    const { status, stdout } = await runCli([], { prefix, command: [...apart, 'sh', '-c', script, BIN] });
    const path = `/etc/systemd/system/wasmrun-${prefix}.service`;
    const advice = [
      'systemd does not run here; where it does, type:',
      '  systemctl daemon-reload',
      `  systemctl enable --now wasmrun-${prefix}.service`,
      'Sandboxes with --restart always then start with the machine.',
    ];
    expect(stdout.split('\n')).toEqual([
      `Wrote ${path}`,
      ...advice,
      `${path} is as it should be`,
      ...advice,
      `${path}: as this wasmrun writes it`,
      'systemd does not run here',
      `Removed ${path}`,
      'Definitions of sandboxes are kept; wasmrun rm removes them.',
      '',
    ]);
    expect(status).toBe(0);
  });

  test('a user writes a unit of their own, and none of the machine', async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-service-'));
    await chown(directory.path, USER, USER);
    const options = { uid: USER, env: { HOME: directory.path, XDG_CONFIG_HOME: '', XDG_RUNTIME_DIR: '' } };
    const refused = await runCli(['service', 'install', '--json'], options);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      command: 'service install',
      exit_code: 1,
      error: { code: 'PERMISSION_DENIED', hint: expect.stringContaining('--user') },
    });
    const prefix = newPrefix();
    expect(await runCli(['service', 'install', '--user'], { ...options, prefix })).toMatchObject({
      status: 0,
    });
    const path = join(directory.path, '.config/systemd/user', `wasmrun-${prefix}.service`);
    const text = await readFile(path, 'utf8');
    expect(text).toContain('WantedBy=default.target');
    expect(text).toContain(`Environment=WASMRUN_NAMESPACE_PREFIX=${prefix}`);
    expect(text).not.toContain('CapabilityBoundingSet');
  });
});

describe('systemd-analyze has nothing to say against', () => {
  test.each([['system'], ['user', '--user']])('the unit of the %s', async (_, ...args) => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-service-'));
    const file = join(directory.path, 'wasmrun.service');
    await writeFile(file, (await runCli(['service', 'install', '--print', ...args])).stdout);
    const output = execFileSync('systemd-analyze', ['verify', '--man=no', ...args, file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, XDG_RUNTIME_DIR: directory.path },
    });
    expect(output).toBe('');
  });
});
