/**
 * Hardens itself as the engine does, then tries what code that broke out of V8 would try: on its main
 * thread, on a thread of libuv's pool that was there before, and on a thread that is started afterwards.
 * Arguments: `hardened` or `bare`; `outbound`, `silent`, or `portless` which is silent without ports; a TCP
 * port somebody listens on.
 * Prints what came of everything as JSON.
 */
import { readFileSync, readdirSync, writeSync } from 'node:fs';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { Epoll } from '../../../src/engine/epoll.ts';
import { harden } from '../../../src/engine/harden.ts';
import { refuseOutbound, refusePorts } from '../../../src/engine/seccomp.ts';
import { exitNow } from '../../../src/engine/libc.ts';
import { SockaddrBuffer } from '../../../src/engine/socket-address.ts';
import { errno, errnoName, libc } from '../../../src/os/libc.ts';

const [mode, outbound, port] = process.argv.slice(2);
const NOBODY = 65_534;
const AF_INET = 2;
const SIGKILL = 9;
/** linux/socket.h */
const MSG_FASTOPEN = 0x2000_0000;
const CLONE_NEWUSER = 0x1000_0000;

type Call = (...values: unknown[]) => number;
const declare = (prototype: string): Call => libc.func(prototype);
const native = {
  execve: declare('int execve(const char *path, void *argv, void *envp)'),
  fork: declare('int fork()'),
  syscall: declare('long syscall(long number, long a, long b, long c, long d, long e)'),
  unshare: declare('int unshare(int flags)'),
  mount: declare(
    'int mount(const char *source, const char *target, const char *type, uint64_t flags, void *data)',
  ),
  ptrace: declare('long ptrace(int request, int pid, void *address, void *data)'),
  kill: declare('int kill(int pid, int signal)'),
  tgkill: declare('int tgkill(int pid, int thread, int signal)'),
  socket: declare('int socket(int family, int type, int protocol)'),
  bind: declare('int bind(int fd, void *address, uint32_t length)'),
  listen: declare('int listen(int fd, int backlog)'),
  connect: declare('int connect(int fd, void *address, uint32_t length)'),
  sendto: declare(
    'int64_t sendto(int fd, void *bytes, size_t size, int flags, void *address, uint32_t length)',
  ),
  send: declare('int64_t send(int fd, void *bytes, size_t size, int flags)'),
  setresuid: declare('int setresuid(uint32_t real, uint32_t effective, uint32_t saved)'),
  setgid: declare('int setgid(uint32_t gid)'),
  open: declare('int open(const char *path, int flags)'),
  shmget: declare('int shmget(int key, size_t size, int flags)'),
  prctl: declare('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)'),
  close: declare('int close(int fd)'),
};

/** `ok` or the name of the errno. */
const told = (result: number): string => (result < 0 ? errnoName(errno()) : 'ok');
/** The same for a call that opens something. */
const opened = (fd: number): string => {
  const answer = told(fd);
  if (fd >= 0) native.close(fd);
  return answer;
};

/** A socket of the Internet and the address of the listener. */
const withSocket = (type: number, use: (fd: number, address: SockaddrBuffer) => number): string => {
  const fd = native.socket(AF_INET, type, 0);
  const address = new SockaddrBuffer().set({ ip: Uint8Array.of(127, 0, 0, 1), port: Number(port) });
  const answer = told(use(fd, address));
  native.close(fd);
  return answer;
};

/** Waiting for many descriptors, as the loop of a reactor does. */
const withEpoll = (): string => {
  const fd = native.socket(AF_INET, 1, 0);
  const epoll = new Epoll<string>();
  const isTaken = epoll.add(fd, 1, 'ok');
  const answer = isTaken && epoll.wait(1000) === 1 ? epoll.owner(0) : undefined;
  native.close(fd);
  return answer ?? 'nothing';
};

/** What is tried. All of it is harmless where it succeeds. */
const harmless = (): Record<string, string> => ({
  'signal itself': told(native.kill(process.pid, 0)),
  'signal its parent': told(native.kill(process.ppid, 0)),
  'signal one of its threads': told(native.tgkill(process.pid, process.pid, 0)),
  'socket: Unix': opened(native.socket(1, 1, 0)),
  'socket: netlink': opened(native.socket(16, 3, 0)),
  'socket: packet': opened(native.socket(17, 3, 0)),
  'socket: IPv4': opened(native.socket(AF_INET, 1, 0)),
  'socket: IPv6': opened(native.socket(10, 1, 0)),
  connect: withSocket(1, (fd, { bytes, length }) => native.connect(fd, bytes, length[0])),
  'bind a port': withSocket(1, (fd, { bytes }) => native.bind(fd, bytes.fill(0, 2, 4), 16)),
  listen: withSocket(1, (fd) => native.listen(fd, 1)),
  'send to an address': withSocket(2, (fd, { bytes, length }) =>
    native.sendto(fd, bytes, 1, 0, bytes, length[0]),
  ),
  // connect(2) and send in one call; nobody answers with a cookie, so nothing is sent either way.
  'send with fast open': withSocket(1, (fd, { bytes, length }) =>
    native.sendto(fd, bytes, 1, MSG_FASTOPEN, bytes, length[0]),
  ),
  'send to nobody': withSocket(2, (fd, { bytes }) => native.send(fd, bytes, 1, 0)),
  epoll: withEpoll(),
  'shared memory': told(native.shmget(0, 4096, 0o600)),
  io_uring: opened(native.syscall(425, 0, 0, 0, 0, 0)) === 'EPERM' ? 'EPERM' : 'other',
  'read the shadow file': opened(native.open('/etc/shadow', 0)),
  'read a public file': opened(native.open('/etc/hostname', 0)),
});

/** What would change this process or start others, and is only tried behind the wall. */
const harmful = (): Record<string, string> => ({
  'start a program': told(native.execve('/bin/true', null, null)),
  fork: told(native.fork()),
  clone: told(native.syscall(process.arch === 'x64' ? 56 : 220, 17, 0, 0, 0, 0)),
  clone3: told(native.syscall(435, 0, 0, 0, 0, 0)),
  'new user namespace': told(native.unshare(CLONE_NEWUSER)),
  mount: told(native.mount('none', '/mnt', 'tmpfs', 0, null)),
  'be traced': told(native.ptrace(0, 0, null, null)),
  'kill its parent': told(native.kill(process.ppid, SIGKILL)),
  'become root': told(native.setresuid(0, 0, 0)),
  'become the group of root': told(native.setgid(0)),
});

/** Credentials of every thread of this process, by what the kernel says. */
const threads = (): Record<string, string>[] =>
  readdirSync('/proc/self/task').map((thread) => {
    const status = readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
    const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1] ?? '';
    return {
      uids: field('Uid'),
      gids: field('Gid'),
      groups: field('Groups'),
      capabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'].map((name) => field(name)).join(' '),
      noNewPrivileges: field('NoNewPrivs'),
      seccomp: field('Seccomp'),
    };
  });

const inWorker = (): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
    worker.once('message', resolve);
    worker.once('error', reject);
  });

/** A call on a thread of libuv's pool: only its result is known there, no errno. */
const inPool = (family: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    (native.socket as unknown as { async: (...values: unknown[]) => void }).async(
      family,
      1,
      0,
      (error: Error | null, fd: number) => (error === null ? resolve(fd >= 0) : reject(error)),
    );
  });

const main = async (): Promise<void> => {
  // The pool's threads exist before the filter does.
  await inPool(AF_INET);
  if (mode === 'hardened') {
    harden(process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined);
    if (outbound !== 'outbound') refuseOutbound();
    if (outbound === 'portless') refusePorts();
  }
  const seen = {
    here: { ...harmless(), ...(mode === 'hardened' ? harmful() : {}) },
    pool: { IPv4: await inPool(AF_INET), Unix: await inPool(1) },
    later: await inWorker(),
  };
  writeSync(1, JSON.stringify(seen));
  exitNow(0);
};

if (isMainThread) await main();
else parentPort?.postMessage({ tried: harmless(), threads: threads() }, []);
