/** What /proc tells of other processes (proc(5)); one that has ended tells nothing. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** Letters of proc_pid_stat(5): what was ended is waited for by its parent, or not even that. */
const ENDED: ReadonlySet<string> = new Set(['Z', 'X', 'x']);
/** Stopped by a signal (SIGSTOP, Ctrl-Z), or by a debugger. */
const STOPPED: ReadonlySet<string> = new Set(['T', 't']);

export type ProcessState = 'running' | 'stopped' | 'ended';

/** Does a process run, or only wait for a SIGCONT? */
export const processState = (pid: number): ProcessState => {
  const [, state = 'X'] = /^State:\s+(\S)/m.exec(read(pid, 'status') ?? '') ?? [];
  if (ENDED.has(state)) return 'ended';
  return STOPPED.has(state) ? 'stopped' : 'running';
};

/** Process ids of the children of a process, of all its threads. */
export const childrenOf = (pid: number): number[] =>
  list(pid, 'task').flatMap((thread) =>
    (read(pid, `task/${thread}/children`) ?? '').split(' ').filter(Boolean).map(Number),
  );

/** The command line of a process; empty for one of the kernel, or one that has ended. */
export const commandLineOf = (pid: number): string[] => (read(pid, 'cmdline') ?? '').split('\0').slice(0, -1);

/** Name of a program as it was called: `comm` holds the name of a thread, `node-MainThread` for Node. */
export const commandOf = (pid: number): string | undefined => {
  const [program] = commandLineOf(pid);
  return program ? basename(program) : read(pid, 'comm')?.trim();
};

/** The numbers (inodes) of the sockets a process has open; none where this user may not see them. */
export const openSockets = (pid: number): Set<number> => {
  const numbers = list(pid, 'fd').flatMap((fd) => {
    try {
      const [, number] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [];
      return number === undefined ? [] : [Number(number)];
    } catch {
      return []; // closed meanwhile
    }
  });
  return new Set(numbers);
};

/** All processes that can be seen, by id. */
export const processes = (): number[] => readdirSync('/proc').map(Number).filter(Number.isInteger);

const read = (pid: number, file: string): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
};

const list = (pid: number, directory: string): string[] => {
  try {
    return readdirSync(`/proc/${pid}/${directory}`);
  } catch {
    return []; // ended meanwhile, or another user's
  }
};
