/** Network namespaces by their system calls: entering, making, naming (network_namespaces(7)). */
import { access, closeSync, openSync, writeSync } from 'node:fs';
import { check, libc } from './libc.ts';

/** `CLONE_NEWNET`, linux/sched.h. */
const CLONE_NEWNET = 0x40000000;
/** The namespace of the calling thread; `/proc/self` would be that of the main thread. */
export const OWN_NAMESPACE = '/proc/thread-self/ns/net';

const native = {
  unshare: libc.func('int unshare(int flags)'),
  setns: libc.func('int setns(int fd, int type)'),
};

/**
 * Runs a synchronous `action` with the calling thread in the namespace behind `fd`. Processes spawned
 * by the action start there (libuv forks from the calling thread), sockets it makes stay there.
 * @throws {SystemCallError} when the namespace cannot be entered
 */
export const inNamespace = <T>(fd: number, action: () => T): T =>
  awayFromHome(() => check('setns', native.setns(fd, CLONE_NEWNET)), action);

/**
 * Runs a synchronous `action` with the calling thread in a namespace made for it, which ends with the
 * action unless something (a mount, a process, a descriptor) holds on to it.
 * @throws {SystemCallError} when no namespace can be made, `EPERM` without CAP_SYS_ADMIN
 */
export const inNewNamespace = <T>(action: () => T): T =>
  awayFromHome(() => check('unshare', native.unshare(CLONE_NEWNET)), action);

const awayFromHome = <T>(leave: () => void, action: () => T): T => {
  startThreadPool();
  const home = openSync(OWN_NAMESPACE, 'r');
  try {
    leave();
    try {
      return action();
    } finally {
      returnHome(home);
    }
  } finally {
    closeSync(home);
  }
};

/** Going on in the wrong namespace would give a sandbox's network to the host or the reverse: end here. */
const returnHome = (home: number): void => {
  if (native.setns(home, CLONE_NEWNET) === 0) return;
  writeSync(2, 'wasmrun: cannot return to the own network namespace, giving up\n');
  // Cannot be caught, runs nothing more and writes no core file.
  process.kill(process.pid, 'SIGKILL');
};

let threadPoolStarted = false;

/**
 * A thread is born into the namespace of the thread that starts it. libuv starts its pool at the first
 * asynchronous operation: were that inside an action, the pool would stay in the sandbox for good.
 */
const startThreadPool = (): void => {
  if (threadPoolStarted) return;
  threadPoolStarted = true;
  access('/', () => {});
};
