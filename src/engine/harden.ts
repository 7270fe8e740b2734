/**
 * Gives up everything the engine does not need, after its files are open and before a byte of guest code
 * runs: the user, all capabilities, the way back to either, and most system calls.
 */
import { readFileSync } from 'node:fs';
import { check, libc } from '../os/libc.ts';
import { STACK_LIMIT } from './messages.ts';
import { installFilter } from './seccomp.ts';

// glibc's versions change all threads of the process; the raw system calls only the calling one.
const setgroups: (count: number, list: null) => number = libc.func('int setgroups(size_t, void *)');
const setresgid: (real: number, effective: number, saved: number) => number = libc.func(
  'int setresgid(uint32_t, uint32_t, uint32_t)',
);
const setresuid: typeof setresgid = libc.func('int setresuid(uint32_t, uint32_t, uint32_t)');
const prctl: (option: number, a: number, b: number, c: number, d: number) => number = libc.func(
  'int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)',
);
const setrlimit: (resource: number, limit: BigUint64Array) => number = libc.func(
  'int setrlimit(int, void *)',
);
const getrlimit: typeof setrlimit = libc.func('int getrlimit(int, void *)');
const signal: (number: number, handler: number) => unknown = libc.func('signal', 'intptr_t', [
  'int',
  'intptr_t',
]);

/** linux/prctl.h */
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** bits/resource.h */
const RLIMIT_STACK = 3;
const RLIMIT_CORE = 4;
const RLIMIT_NOFILE = 7;
/** Descriptors for a guest with tens of thousands of connections; fs.nr_open allows 1 Mi by default. */
const DESCRIPTOR_LIMIT = 131_072n;
/** bits/signum.h */
const SIGHUP = 1;
const SIGINT = 2;
const SIGKILL = 9;
const SIGTERM = 15;
const SIG_IGN = 1;

/**
 * A Ctrl-C reaches the whole foreground process group, but what it means is the supervisor's decision:
 * it arrives over the control channel.
 */
export const ignoreTerminalSignals = (): void => {
  for (const number of [SIGINT, SIGHUP, SIGTERM]) signal(number, SIG_IGN);
};

/** The main thread's stack may grow from now on as far as a guest's recursion is let; the hard limit may forbid. */
export const raiseStackLimit = (): void => {
  const limits = new BigUint64Array(2);
  if (getrlimit(RLIMIT_STACK, limits) !== 0 || limits[0]! >= BigInt(STACK_LIMIT)) return;
  setrlimit(RLIMIT_STACK, BigUint64Array.from([BigInt(STACK_LIMIT), limits[1]!]));
};

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/**
 * @param user who to become; undefined keeps the (already unprivileged) user
 * Throws if anything is refused: an engine that cannot be confined must not run.
 */
export const harden = (user: Identity | undefined): void => {
  const supervisor = process.ppid;
  check('setrlimit', setrlimit(RLIMIT_CORE, BigUint64Array.from([0n, 0n])));
  if (user !== undefined) become(user);
  check('prctl', prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  // Not traceable and not readable through /proc by other processes of the same user.
  check('prctl', prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
  // A guest that never blocks would not notice the end of the control channel. Changing the user clears this.
  check('prctl', prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
  if (process.ppid !== supervisor) process.kill(process.pid, 'SIGKILL');
  installFilter();
};

const become = ({ uid, gid }: Identity): void => {
  // Raising the hard limit takes CAP_SYS_RESOURCE, which a container's root may lack: then the old one stays
  // (Node has already raised the soft limit to it).
  setrlimit(RLIMIT_NOFILE, BigUint64Array.from([DESCRIPTOR_LIMIT, DESCRIPTOR_LIMIT]));
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  for (let capability = 0; capability <= last; capability += 1) {
    check('prctl', prctl(PR_CAPBSET_DROP, capability, 0, 0, 0));
  }
  check('prctl', prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
  check('setgroups', setgroups(0, null));
  check('setresgid', setresgid(gid, gid, gid));
  // Leaving uid 0 clears the permitted and effective sets of every thread (capabilities(7)).
  check('setresuid', setresuid(uid, uid, uid));
};
