/** The same command without root: run by an ordinary user who is made for the test. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { childrenOf, eventually, isRunning, newPrefix, remains } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { OrdinaryUser } from '../../helpers/ordinary-user.ts';
import { startHostService } from '../network/test-network.ts';

const GREETING = 'Hello from inside the sandbox\n';
const get = async (url: string): Promise<string> => (await fetch(url)).text();

let user: OrdinaryUser;
let prefix = '';
beforeEach(() => {
  user = new OrdinaryUser();
  prefix = newPrefix();
});
afterEach(() => {
  using _ = user;
  expect([...remains(prefix), ...user.remains(prefix)]).toEqual([]);
  expect(processesOf(user.uid).filter(isRunning)).toEqual([]);
});

/** Process ids of all that a user runs. */
const processesOf = (uid: number): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((entry) => {
      try {
        return new RegExp(`^Uid:\t${uid}\t`, 'm').test(readFileSync(`/proc/${entry}/status`, 'utf8'));
      } catch {
        return false; // no process, or ended meanwhile
      }
    });

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');

const engineOf = (run: CliRun): number =>
  childrenOf(run.process.pid!).find((pid) => /engine.main/.test(commandOf(pid)))!;

const serve = (...args: string[]): CliRun =>
  user.start(['os', user.guest('hello-wasmedge'), '--forward', '3000', ...args], { prefix });

const stop = async (run: CliRun): Promise<void> => {
  run.process.kill('SIGTERM');
  expect(await run.ended).toMatchObject({ status: 143, signal: null });
};

describe('the main job without root', () => {
  test('a server answers on the forwarded port, over both loopbacks', async () => {
    await using run = serve('--name', 'web');
    const [, url, name, port, transport] = await run.printed(
      /^(http:\/\/localhost:\d+) → (\S+):(\d+) {2}(\S+)$/m,
    );
    expect([name, port, transport]).toEqual(['web', '3000', 'handoff']);
    const hostPort = new URL(url!).port;
    for (const host of ['127.0.0.1', '[::1]'])
      expect(execFileSync('curl', ['-sS', `http://${host}:${hostPort}/`], { encoding: 'utf8' })).toBe(
        GREETING,
      );
    expect(run.stderr()).toBe(`web  (isolation user-namespace)\n${url} → web:3000  handoff\n`);
    await stop(run);
  });

  test.each(['hello-preview1', 'hello-wasix'])('%s serves too', async (guest) => {
    await using run = user.start(['os', user.guest(guest), '--forward', '3000'], { prefix });
    expect(await get(await run.url())).toBe(GREETING);
    await stop(run);
  });

  test('a guest that listens only on its own 127.0.0.1, and one on port 80', async () => {
    await using local = serve('--', '3000', '127.0.0.1');
    expect(await get(await local.url())).toBe(GREETING);
    await stop(local);
    const args = ['os', user.guest('hello-wasmedge'), '--forward', '80', '--', '80'];
    await using low = user.start(args, { prefix });
    expect(await get(await low.url())).toBe(GREETING);
    await stop(low);
  });

  test('three at once on the same port of their own', async () => {
    const runs = [serve(), serve(), serve()];
    const urls = await Promise.all(runs.map((run) => run.url()));
    expect(new Set(urls).size).toBe(3);
    for (const url of urls) expect(await get(url)).toBe(GREETING);
    await Promise.all(runs.map(stop));
  });

  test('a guest reaches itself, and is refused everybody else', async () => {
    const itself = ['os', user.guest('sockets-wasmedge'), '--', '3000'];
    await using run = user.start(itself, { prefix });
    expect((await run.ended).stdout).toMatch(/^connect ok$/m);
  });

  test.each(['unshare', 'nsenter', 'tee', 'ip'])('needs %s, and says so', async (program) => {
    const end = await user.run(['os', user.guest('hello-wasmedge')], { prefix, hidden: [program] });
    expect(end.status).toBe(125);
    expect(end.stderr).toContain(`${program} is not installed`);
  });
});

describe('the engine of an ordinary user', () => {
  test('has no capability on any thread, and only lo in a network of its own', async () => {
    await using run = serve();
    await run.url();
    const engine = engineOf(run);
    const threads = readdirSync(`/proc/${engine}/task`);
    expect(threads.length).toBeGreaterThan(4);
    for (const thread of threads) {
      const status = readFileSync(`/proc/${engine}/task/${thread}/status`, 'utf8');
      expect(status).toMatch(new RegExp(`^Uid:\t${user.uid}\t${user.uid}\t${user.uid}\t${user.uid}$`, 'm'));
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        expect(status).toMatch(new RegExp(`^${set}:\t0+$`, 'm'));
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      expect(status).toMatch(/^Seccomp:\t2$/m);
    }
    for (const kind of ['net', 'user'])
      expect(readlinkSync(`/proc/${engine}/ns/${kind}`)).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));
    const inside = ['--target', String(engine), '--net', '--', 'ip', '-oneline', 'link'];
    expect(execFileSync('nsenter', inside, { encoding: 'utf8' })).toMatch(/^1: lo: <LOOPBACK,UP\S*> .*\n$/);
    await stop(run);
  });

  test('could read neither its supervisor nor the process that holds the namespaces', async () => {
    await using run = serve();
    await run.url();
    const engine = engineOf(run);
    const holder = childrenOf(run.process.pid!).find((pid) => pid !== engine)!;
    // What code that broke out of the engine is, without the filter that refuses it most system calls.
    const as = ['--reuid', String(user.uid), '--regid', String(user.uid), '--clear-groups', '--'];
    const inside = ['nsenter', `--target=${engine}`, '--user', '--net', '--preserve-credentials', '--'];
    const bare = ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all', '--'];
    const look = (...command: string[]): string =>
      spawnSync('setpriv', [...as, ...command], { encoding: 'utf8' }).stderr;
    for (const pid of [run.process.pid, holder]) {
      for (const file of ['environ', 'maps', 'mem'])
        expect(look(...inside, ...bare, 'cat', `/proc/${pid}/${file}`), file).toContain('Permission denied');
    }
    // The same user outside may.
    expect(look('cat', `/proc/${run.process.pid}/environ`)).toBe('');
    await stop(run);
  });

  test('reaches no service of the host', async () => {
    await using service = await startHostService('127.0.0.1');
    const port = String(service.port);
    const args = ['os', user.guest('client-wasmedge'), '--', '127.0.0.1', port];
    expect((await user.run(args, { prefix })).stdout).toMatch(/connect E(ACCES|CONNREFUSED)/);
    // Nor would a program that no filter holds back.
    await using run = serve();
    await run.url();
    const inside = [
      '--target',
      String(engineOf(run)),
      '--net',
      '--',
      'curl',
      '-sS',
      `http://127.0.0.1:${port}/`,
    ];
    expect(() => execFileSync('nsenter', inside, { encoding: 'utf8', stdio: 'pipe' })).toThrow(
      /refused|connect/,
    );
    await stop(run);
  });
});

test('root may choose it too, and its app still runs as nobody', async () => {
  using root = new OrdinaryUser(0);
  const args = ['os', root.guest('hello-wasmedge'), '--isolation', 'user-namespace', '--forward', '3000'];
  await using run = root.start(args, { prefix });
  expect(await get(await run.url())).toBe(GREETING);
  const status = readFileSync(`/proc/${engineOf(run)}/status`, 'utf8');
  expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
  expect(status).toMatch(/^Groups:\t\s*$/m);
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    expect(status).toMatch(new RegExp(`^${set}:\t0+$`, 'm'));
  await stop(run);
});

describe('the end without root', () => {
  const gone = async (pids: readonly number[]): Promise<void> => {
    expect(await eventually(() => !pids.some((pid) => isRunning(pid)))).toBe(true);
  };

  test.each(['SIGTERM', 'SIGKILL'] as const)('%s of the supervisor', async (signal) => {
    await using run = serve('--name', 'victim');
    await run.url();
    const children = childrenOf(run.process.pid!);
    expect(children).toHaveLength(2);
    run.process.kill(signal);
    await run.ended;
    await gone(children);
    if (signal === 'SIGTERM') return;
    expect(user.remains(prefix)).not.toEqual([]);
    const sweep = await user.run(['gc'], { prefix });
    expect(sweep).toMatchObject({ status: 0, stderr: '' });
    expect(sweep.stdout).toMatch(/^victim {2}\(user-namespace, of the ended process \d+\)$/m);
  });

  test('SIGKILL of the engine', async () => {
    await using run = serve();
    await run.url();
    const children = childrenOf(run.process.pid!);
    process.kill(engineOf(run), 'SIGKILL');
    expect((await run.ended).status).toBe(137);
    await gone(children);
  });

  test('a name in use, and a port below 1024', async () => {
    await using run = serve('--name', 'twin');
    await run.url();
    const twin = await user.run(['os', user.guest('hello-wasmedge'), '--name', 'twin'], { prefix });
    expect(twin.status).toBe(125);
    expect(twin.stderr).toContain(`a sandbox named twin is already running (pid ${run.process.pid})`);
    await stop(run);
    const low = await user.run(['os', user.guest('hello-wasmedge'), '--forward', '81:3000'], { prefix });
    expect(low.status).toBe(125);
    expect(low.stderr).toContain('host port 81 may not be used by this user');
    expect(low.stderr).toMatch(/^hint: .*net\.ipv4\.ip_unprivileged_port_start/m);
  });
});

describe('what is refused without root', () => {
  test.each(['nftables', 'iptables'])('--transport %s, with the reason', async (transport) => {
    const end = await user.run(['os', user.guest('hello-wasmedge'), '--transport', transport], { prefix });
    expect(end.status).toBe(125);
    expect(end.stderr).toMatch(
      new RegExp(`^error: the transport ${transport} does not work .* no address .* redirect`, 'm'),
    );
    expect(end.stderr).toMatch(/^hint: .*sudo/m);
  });

  test('--isolation namespace', async () => {
    const end = await user.run(['os', user.guest('hello-wasmedge'), '--isolation', 'namespace'], { prefix });
    expect(end.status).toBe(125);
    expect(end.stderr).toMatch(/^error: .* needs root/m);
  });

  test('everything where user namespaces are forbidden: the error names the switch and the ways out', async () => {
    // In a user namespace around the command; the machine's own setting is left alone.
    const forbid = ['unshare', '--user', '--map-current-user', '--keep-caps', '--', 'sh', '-c'];
    const script =
      'echo 0 >/proc/sys/user/max_user_namespaces || exit 99; exec setpriv --inh-caps=-all --ambient-caps=-all "$@"';
    const args = ['os', user.guest('hello-wasmedge'), '--forward', '3000'];
    const end = await user.run(args, { prefix, through: [...forbid, script, 'sh'] });
    expect(end.status).toBe(125);
    expect(end.stderr).toMatch(/^error: .* user namespaces, .*: the sysctl user\.max_user_namespaces is 0$/m);
    expect(end.stderr).toMatch(/^hint: run wasmrun with sudo, or allow them \(sudo sysctl user\./m);
    expect(end.stderr).toContain('--isolation virtual');
  });
});

describe('the records of an ordinary user', () => {
  const runtime = (): string => `/tmp/wasmrun-${user.uid}`;
  const args = (): string[] => ['os', user.guest('hello-wasmedge'), '--forward', '3000'];
  const env = { XDG_RUNTIME_DIR: '' };
  afterEach(() => rmSync(runtime(), { recursive: true, force: true }));

  test('lie in a directory of its own in /tmp, where there is no other', async () => {
    await using run = user.start(args(), { prefix, env });
    await run.url();
    expect(readdirSync(join(runtime(), prefix))).toEqual(['hello-wasmedge.json', 'hello-wasmedge.sock']);
    await stop(run);
  });

  test.each([
    ['belongs to somebody else', (path: string) => mkdirSync(path), /belongs to user 0/],
    ['is a link', (path: string) => symlinkSync(user.home, path), /is not a directory/],
    [
      'is open to others',
      (path: string) => {
        execFileSync('mkdir', ['--mode=0777', path]);
        chownSync(path, user.uid, user.uid);
      },
      /others may write there/,
    ],
  ])('not where it %s', async (_what, make, reason) => {
    make(runtime());
    try {
      const end = await user.run(args(), { prefix, env });
      expect(end.status).toBe(125);
      expect(end.stderr).toMatch(reason);
    } finally {
      rmSync(runtime(), { recursive: true });
    }
  });
});

test("a sandbox in the background is its user's own", async () => {
  const own = (...args: string[]) => user.run(args, { prefix });
  const started = await own(
    'os',
    user.guest('hello-wasmedge'),
    '--detach',
    '--name',
    'web',
    '--forward',
    '3000',
  );
  expect(started).toMatchObject({ status: 0, stdout: 'web\n' });
  const [, url = ''] = /(http:\/\/localhost:\d+) → web:3000/.exec(started.stderr)!;
  expect(await get(url)).toBe(GREETING);
  expect((await own('port', 'list', 'web')).stdout).toMatch(/^\d+ +3000 +handoff +open +\d+$/m);
  expect(await own('stop', 'web')).toMatchObject({ status: 0 });
  expect(await own('start', 'web')).toMatchObject({ status: 0 });
  expect(await get(url)).toBe(GREETING);

  using other = new OrdinaryUser();
  const stranger = await other.run(['stop', 'web'], { prefix });
  expect(stranger).toMatchObject({ status: 1 });
  expect(stranger.stderr).toContain('there is no sandbox web');
  expect(await own('rm', '--force', 'web')).toMatchObject({ status: 0 });
});
