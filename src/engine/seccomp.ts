/**
 * The second wall: a seccomp filter for every thread of the engine, so that even code that broke out of
 * V8 cannot start programs, enter namespaces, trace, mount, or open kinds of sockets the guest never needs.
 */
import { SystemCallError, libc } from '../os/libc.ts';
import { addressOf } from './libc.ts';

/** linux/audit.h, AUDIT_ARCH_*; column of the tables below. */
const ARCHITECTURES = {
  x64: { audit: 0xc000_003e, column: 0, seccomp: 317 },
  arm64: { audit: 0xc000_00b7, column: 1, seccomp: 277 },
} as const;

type CallTable = Readonly<Record<string, readonly [number, number]>>;

/** No such call on that architecture. */
const NONE = -1;
/** System call numbers [x86_64 (unistd_64.h), arm64 (asm-generic/unistd.h)]. */
const REFUSED: CallTable = {
  execve: [59, 221],
  execveat: [322, 281],
  fork: [57, NONE],
  vfork: [58, NONE],
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  process_madvise: [440, 440],
  kcmp: [312, 272],
  kill: [62, 129],
  tkill: [200, 130],
  rt_sigqueueinfo: [129, 138],
  rt_tgsigqueueinfo: [297, 240],
  pidfd_send_signal: [424, 424],
  pidfd_getfd: [438, 438],
  setns: [308, 268],
  unshare: [272, 97],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  open_by_handle_at: [304, 265],
  fanotify_init: [300, 262],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  // A pair of datagram sockets can be re-connected to any Unix socket of the host.
  socketpair: [53, 199],
  keyctl: [250, 219],
  add_key: [248, 217],
  request_key: [249, 218],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  acct: [163, 89],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  personality: [135, 92],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  adjtimex: [159, 171],
  clock_adjtime: [305, 266],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  modify_ldt: [154, NONE],
  iopl: [172, NONE],
  ioperm: [173, NONE],
  // System V and POSIX queues and memory are the whole host's, and some are open to every user.
  shmget: [29, 194],
  shmat: [30, 196],
  shmctl: [31, 195],
  semget: [64, 190],
  semop: [65, 193],
  semctl: [66, 191],
  semtimedop: [220, 192],
  msgget: [68, 186],
  msgsnd: [69, 189],
  msgrcv: [70, 188],
  msgctl: [71, 187],
  mq_open: [240, 180],
};
/**
 * Calls that can connect a socket; the supervisor opens connections. A socket that came from the host's
 * namespace could otherwise be turned into a connection to the host's own loopback.
 */
const CONNECTING: CallTable = {
  connect: [42, 203],
  // Its flags, one of which connects (below), lie in memory.
  sendmmsg: [307, 269],
};
/** Calls that give a socket a port of its own. */
const PORTS: CallTable = {
  bind: [49, 200],
  listen: [50, 201],
};
const CLONE = [56, 220] as const;
const CLONE3 = [435, 435] as const;
const TGKILL = [234, 131] as const;
const SOCKET = [41, 198] as const;
const SENDTO = [44, 206] as const;
const SENDMSG = [46, 211] as const;
const IOCTL = [16, 29] as const;

/** linux/bpf_common.h: load a word, and it, jump if equal, jump if ≥, jump if bits set, return. */
const LOAD = 0x20;
const AND = 0x54;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_SET = 0x45;
const RETURN = 0x06;
/** linux/seccomp.h */
const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const FAIL_WITH = 0x0005_0000;
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_TSYNC = 1;
/** struct seccomp_data: nr 0, arch 4, instruction pointer 8, args[6] from 16, 8 bytes each. */
const DATA = { number: 0, architecture: 4, argument: (index: number) => 16 + 8 * index } as const;
/** System calls of the x32 ABI have this bit set; they would slip past the numbers above. */
const X32_BIT = 0x4000_0000;

/** errno.h */
const EPERM = 1;
const EACCES = 13;
const ENOSYS = 38;
/** sched.h: a new thread, not a new process. */
const CLONE_THREAD = 0x0001_0000;
const AF_INET = 2;
const AF_INET6 = 10;
/** linux/socket.h: connect(2) and send in one call, on a TCP socket that is not connected. */
const MSG_FASTOPEN = 0x2000_0000;
/** bits/socket_type.h; flags stand above these bits. */
const SOCK_TYPE_MASK = 0xf;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
/** netinet/in.h */
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
/** asm-generic/ioctls.h: put characters into a terminal's input. */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;

/** One classic BPF instruction: code, jump if true, jump if false, constant. */
type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, constant: number];

/** When the call number matches, load an argument and decide; both ends return, so nothing falls through. */
const whenCall = (number: number, decide: readonly Instruction[]): Instruction[] => [
  [JUMP_EQUAL, 0, decide.length, number],
  ...decide,
];
const refuse = (errno: number): Instruction => [RETURN, 0, 0, FAIL_WITH | errno];
const allow: Instruction = [RETURN, 0, 0, ALLOW];
const load = (offset: number): Instruction => [LOAD, 0, 0, offset];

/** Looks at a bit of an argument. */
const refuseFlag = (argument: number, flag: number): Instruction[] => [
  load(DATA.argument(argument)),
  [JUMP_SET, 0, 1, flag],
  refuse(EACCES),
  allow,
];

/** Accepts the architecture's own system calls only, and leaves the call number loaded. */
const prologue = (architecture: keyof typeof ARCHITECTURES): Instruction[] => [
  load(DATA.architecture),
  [JUMP_EQUAL, 1, 0, ARCHITECTURES[architecture].audit],
  [RETURN, 0, 0, KILL_PROCESS],
  load(DATA.number),
  ...(architecture === 'x64' ? [[JUMP_AT_LEAST, 0, 1, X32_BIT] as const, refuse(EPERM)] : []),
];

/** Refuses these calls; those an architecture does not have are left out. */
const refuseAll = (calls: CallTable, column: 0 | 1, errno: number): Instruction[] =>
  Object.values(calls)
    .map((row) => row[column])
    .filter((number) => number !== NONE)
    .flatMap((number) => whenCall(number, [refuse(errno)]));

/** What no engine may do, for one architecture. */
export const buildFilter = (architecture: keyof typeof ARCHITECTURES, pid: number): Instruction[] => {
  const { column } = ARCHITECTURES[architecture];
  return [
    ...prologue(architecture),
    // Threads yes, processes no. clone3 hides its flags in memory: glibc falls back to clone.
    ...whenCall(CLONE3[column], [refuse(ENOSYS)]),
    ...whenCall(CLONE[column], [
      load(DATA.argument(0)),
      [JUMP_SET, 0, 1, CLONE_THREAD],
      allow,
      refuse(EPERM),
    ]),
    // abort() and V8 signal their own threads only.
    ...whenCall(TGKILL[column], [load(DATA.argument(0)), [JUMP_EQUAL, 0, 1, pid], allow, refuse(EPERM)]),
    ...whenCall(SOCKET[column], [
      load(DATA.argument(0)),
      [JUMP_EQUAL, 1, 0, AF_INET],
      [JUMP_EQUAL, 0, 1, AF_INET6],
      allow,
      refuse(EPERM),
    ]),
    ...whenCall(IOCTL[column], [
      load(DATA.argument(1)),
      [JUMP_EQUAL, 1, 0, TIOCSTI],
      [JUMP_EQUAL, 0, 1, TIOCLINUX],
      refuse(EPERM),
      allow,
    ]),
    ...whenCall(SENDTO[column], refuseFlag(3, MSG_FASTOPEN)),
    ...whenCall(SENDMSG[column], refuseFlag(2, MSG_FASTOPEN)),
    ...refuseAll(CONNECTING, column, EACCES),
    ...refuseAll(REFUSED, column, EPERM),
    allow,
  ];
};

/** What an engine may not do either where its guest may send to nobody. */
export const buildOutboundFilter = (architecture: keyof typeof ARCHITECTURES): Instruction[] => {
  const { column } = ARCHITECTURES[architecture];
  return [
    ...prologue(architecture),
    // sendto with an address is a connection of its own: low word of the pointer first, then the high one.
    ...whenCall(SENDTO[column], [
      load(DATA.argument(4)),
      [JUMP_EQUAL, 0, 2, 0],
      load(DATA.argument(4) + 4),
      [JUMP_EQUAL, 1, 0, 0],
      refuse(EACCES),
      allow,
    ]),
    ...whenCall(SENDMSG[column], [refuse(EACCES)]),
    allow,
  ];
};

/** What an engine may not do either that stands in the host's own network: have a port there. */
export const buildPortFilter = (architecture: keyof typeof ARCHITECTURES): Instruction[] => {
  const { column } = ARCHITECTURES[architecture];
  return [
    ...prologue(architecture),
    // Only TCP and UDP: SCTP, for one, binds and connects by setsockopt too.
    ...whenCall(SOCKET[column], [
      load(DATA.argument(1)),
      [AND, 0, 0, SOCK_TYPE_MASK],
      [JUMP_EQUAL, 1, 0, SOCK_STREAM],
      [JUMP_EQUAL, 0, 4, SOCK_DGRAM],
      load(DATA.argument(2)),
      [JUMP_EQUAL, 3, 0, 0],
      [JUMP_EQUAL, 2, 0, IPPROTO_TCP],
      [JUMP_EQUAL, 1, 0, IPPROTO_UDP],
      refuse(EPERM),
      allow,
    ]),
    ...refuseAll(PORTS, column, EACCES),
    allow,
  ];
};

/** struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. */
const encode = (program: readonly Instruction[]): Buffer => {
  const bytes = Buffer.alloc(8 * program.length);
  for (const [index, [code, ifTrue, ifFalse, constant]] of program.entries()) {
    bytes.writeUInt16LE(code, 8 * index);
    bytes.writeUInt8(ifTrue, 8 * index + 2);
    bytes.writeUInt8(ifFalse, 8 * index + 3);
    bytes.writeUInt32LE(constant >>> 0, 8 * index + 4);
  }
  return bytes;
};

type Seccomp = (number: number, operation: number, flags: number, program: Buffer) => number;
const seccomp: Seccomp = libc.func('syscall', 'long', ['long', 'long', 'long', 'void *']);

/** This machine's architecture; the others have no engine (see package.json). */
const architecture = process.arch as keyof typeof ARCHITECTURES;

/**
 * Installs the filter of every engine on all threads (which thereby also get no-new-privileges from the
 * caller). Throws {@link SystemCallError}; needs no-new-privileges or CAP_SYS_ADMIN.
 */
export const installFilter = (): void => install(buildFilter(architecture, process.pid));

/** From here on the kernel refuses to send to an address. Filters add up; none can be taken back. */
export const refuseOutbound = (): void => install(buildOutboundFilter(architecture));

/** From here on the kernel gives no socket a port. */
export const refusePorts = (): void => install(buildPortFilter(architecture));

const install = (instructions: readonly Instruction[]): void => {
  const { seccomp: number } = ARCHITECTURES[architecture];
  const program = encode(instructions);
  // struct sock_fprog: u16 length, padding, pointer.
  const header = Buffer.alloc(16);
  header.writeUInt16LE(program.length / 8, 0);
  header.writeBigUInt64LE(addressOf(program), 8);
  const result = seccomp(number, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, header);
  if (result < 0) throw new SystemCallError('seccomp');
  // With TSYNC a positive result is a thread that could not be brought in line.
  if (result > 0) throw new Error(`seccomp: thread ${result} could not be filtered`);
};
