/** The filter program, run by an interpreter of classic BPF against the kernel headers' own call numbers. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildFilter, buildOutboundFilter, buildPortFilter } from '../../../src/engine/seccomp.ts';

const { EPERM, EACCES, ENOSYS } = constants.errno;
/** linux/seccomp.h */
const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const fails = (errno: number): number => 0x0005_0000 + errno;

const PID = 4321;
const ARCHITECTURES = {
  x64: { audit: 0xc000_003e, header: '/usr/include/x86_64-linux-gnu/asm/unistd_64.h' },
  arm64: { audit: 0xc000_00b7, header: '/usr/include/asm-generic/unistd.h' },
} as const;
type Architecture = keyof typeof ARCHITECTURES;
const EACH = Object.keys(ARCHITECTURES) as Architecture[];

/** Numbers by name; arm64 writes calls that differ on 32-bit machines with another prefix. */
const numbersOf = (architecture: Architecture): Map<string, number> => {
  const header = readFileSync(ARCHITECTURES[architecture].header, 'utf8');
  const lines = header.matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm);
  return new Map(Array.from(lines, ([, name, number]) => [name!, Number(number)]));
};
const NUMBERS = { x64: numbersOf('x64'), arm64: numbersOf('arm64') };

interface SystemCall {
  readonly number: number;
  readonly audit: number;
  readonly arguments?: readonly bigint[];
}

/** linux/filter.h and linux/bpf_common.h, as far as seccomp(2) allows them; jumps are forward only. */
const runFilter = (
  program: ReturnType<typeof buildFilter>,
  { number, audit, arguments: values = [] }: SystemCall,
): number => {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(audit, 4);
  for (const [index, value] of values.entries())
    data.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + 8 * index);
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 1) {
    const [code, ifTrue, ifFalse, constant] = program[at]!;
    const operand = constant >>> 0;
    if (code === 0x06) return operand;
    if (code === 0x20) {
      accumulator = data.readUInt32LE(operand);
      continue;
    }
    if (code === 0x54) {
      accumulator = (accumulator & operand) >>> 0;
      continue;
    }
    const holds = new Map([
      [0x15, accumulator === operand],
      [0x35, accumulator >= operand],
      [0x45, (accumulator & operand) !== 0],
    ]).get(code);
    if (holds === undefined) throw new Error(`instruction ${at} has the unknown code ${code}`);
    at += holds ? ifTrue : ifFalse;
  }
  throw new Error('the program does not return');
};

type Call = Parameters<typeof runFilter>[1];

/** What all filters of an engine say: the first that does not allow a call decides (none overlap). */
const runFilters = (architecture: Architecture, outbound: boolean, call: Call): number => {
  const programs = [buildFilter(architecture, PID), ...(outbound ? [] : [buildOutboundFilter(architecture)])];
  return programs.map((program) => runFilter(program, call)).find((answer) => answer !== ALLOW) ?? ALLOW;
};

/** What the filters say of a call by name. */
const judge = (
  architecture: Architecture,
  name: string,
  options: { outbound?: boolean; arguments?: readonly bigint[] } = {},
): number => {
  const number = NUMBERS[architecture].get(name);
  if (number === undefined) throw new Error(`${architecture} has no system call ${name}`);
  const { audit } = ARCHITECTURES[architecture];
  return runFilters(architecture, options.outbound ?? false, {
    number,
    audit,
    ...(options.arguments && { arguments: options.arguments }),
  });
};

const wordsOf = (text: string): string[] => text.trim().split(/\s+/);

/** Starting programs, other processes, namespaces, mounts, the kernel itself, other users' memory and queues. */
const REFUSED = wordsOf(`
  socketpair
  execve execveat ptrace process_vm_readv process_vm_writev process_madvise kcmp
  kill tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal pidfd_getfd
  setns unshare mount umount2 pivot_root chroot open_tree move_mount fsopen
  fsconfig fsmount fspick mount_setattr open_by_handle_at fanotify_init
  bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
  keyctl add_key request_key init_module finit_module delete_module kexec_load
  reboot swapon swapoff acct quotactl quotactl_fd personality sethostname
  setdomainname settimeofday clock_settime adjtimex clock_adjtime
  shmget shmat shmctl semget semop semtimedop semctl
  msgget msgsnd msgrcv msgctl mq_open
`);
/** Only x86 has them. */
const REFUSED_ON_X64 = ['fork', 'vfork', 'kexec_file_load', 'modify_ldt', 'iopl', 'ioperm'];
/** What V8, libuv and the guest's own calls need. */
const NEEDED = wordsOf(`
  read write readv writev pread64 pwrite64 close ppoll futex
  epoll_create1 epoll_ctl epoll_pwait eventfd2
  mmap mprotect munmap madvise brk rt_sigaction rt_sigprocmask exit exit_group
  openat openat2 fstat lseek getdents64 mkdirat unlinkat renameat linkat
  symlinkat readlinkat utimensat ftruncate fallocate fsync fdatasync fcntl
  bind listen accept4 recvfrom recvmsg getsockname getpeername setsockopt
  getsockopt shutdown getrandom clock_gettime timerfd_create
`);

describe.each(EACH)('the filter on %s', (architecture) => {
  const { audit } = ARCHITECTURES[architecture];

  test.each([...REFUSED, ...(architecture === 'x64' ? REFUSED_ON_X64 : [])])('refuses %s', (name) => {
    for (const outbound of [true, false]) expect(judge(architecture, name, { outbound })).toBe(fails(EPERM));
  });

  test.each(NEEDED)('allows %s', (name) => {
    for (const outbound of [true, false]) expect(judge(architecture, name, { outbound })).toBe(ALLOW);
  });

  test('allows threads, not processes', () => {
    const thread = BigInt(0x3d_0f00);
    const process = BigInt(constants.signals.SIGCHLD);
    const child = BigInt(0x4000 | 0x100 | constants.signals.SIGCHLD);
    const newUser = BigInt(0x1000_0000 | constants.signals.SIGCHLD);
    expect(judge(architecture, 'clone', { arguments: [thread] })).toBe(ALLOW);
    for (const flags of [process, child, newUser, 0n])
      expect(judge(architecture, 'clone', { arguments: [flags] })).toBe(fails(EPERM));
    expect(judge(architecture, 'clone3')).toBe(fails(ENOSYS));
  });

  test('allows signals to itself only', () => {
    expect(judge(architecture, 'tgkill', { arguments: [BigInt(PID), 1n, 6n] })).toBe(ALLOW);
    for (const other of [1n, 0n, -1n, BigInt(PID + 1)])
      expect(judge(architecture, 'tgkill', { arguments: [other, 1n, 6n] })).toBe(fails(EPERM));
  });

  test('opens Internet sockets and no others', () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(50), fc.integer()), (family) => {
        const expected = family === 2 || family === 10 ? ALLOW : fails(EPERM);
        expect(judge(architecture, 'socket', { arguments: [BigInt(family), 1n, 0n] })).toBe(expected);
      }),
    );
  });

  test('does not type into the terminal, whatever the upper half of the request says', () => {
    for (const request of [0x5412n, 0x541cn, 0xffff_ffff_0000_5412n])
      expect(judge(architecture, 'ioctl', { arguments: [0n, request] })).toBe(fails(EPERM));
    expect(judge(architecture, 'ioctl', { arguments: [0n, 0x5401n] })).toBe(ALLOW);
  });

  test('without outbound reaches nobody: no address may be named', () => {
    expect(judge(architecture, 'sendmsg', { outbound: false })).toBe(fails(EACCES));
    fc.assert(
      fc.property(
        fc.oneof(fc.constant(0n), fc.bigInt(0n, 2n ** 64n - 1n), fc.constant(2n ** 32n)),
        (address) => {
          const answer = judge(architecture, 'sendto', {
            outbound: false,
            arguments: [3n, 4n, 5n, 0n, address],
          });
          expect(answer).toBe(address === 0n ? ALLOW : fails(EACCES));
        },
      ),
    );
  });

  test('connects nothing, not by way of TCP fast open either', () => {
    const fastOpen = 0x2000_0000n;
    const noSignal = 0x4000n;
    for (const outbound of [true, false]) {
      for (const name of ['connect', 'sendmmsg'])
        expect(judge(architecture, name, { outbound })).toBe(fails(EACCES));
      for (const flags of [fastOpen, fastOpen | noSignal, 0xffff_ffff_2000_0000n]) {
        expect(judge(architecture, 'sendto', { outbound, arguments: [3n, 4n, 5n, flags, 0n] })).toBe(
          fails(EACCES),
        );
        expect(judge(architecture, 'sendmsg', { outbound, arguments: [3n, 4n, flags] })).toBe(fails(EACCES));
      }
    }
    expect(judge(architecture, 'sendto', { outbound: true, arguments: [3n, 4n, 5n, noSignal, 9n] })).toBe(
      ALLOW,
    );
    expect(judge(architecture, 'sendmsg', { outbound: true, arguments: [3n, 4n, noSignal] })).toBe(ALLOW);
  });

  test('kills what comes by another architecture', () => {
    const others = [0x4000_0003, 0x4000_0028, ...EACH.map((name) => ARCHITECTURES[name].audit)];
    for (const other of others.filter((other) => other !== audit))
      expect(runFilters(architecture, false, { number: 0, audit: other })).toBe(KILL_PROCESS);
  });

  test('leaves every other call alone', () => {
    const special = [
      'clone',
      'clone3',
      'tgkill',
      'socket',
      'ioctl',
      'connect',
      'sendto',
      'sendmsg',
      'sendmmsg',
    ];
    const named = new Set(
      [...REFUSED, ...REFUSED_ON_X64, ...special].map((name) => NUMBERS[architecture].get(name)),
    );
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.array(fc.bigInt(0n, 2n ** 64n - 1n), { maxLength: 6 }),
        (number, values) => {
          fc.pre(!named.has(number));
          const answer = runFilters(architecture, false, {
            number,
            audit,
            arguments: values,
          });
          expect(answer).toBe(ALLOW);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe.each(EACH)('the filter against ports on %s', (architecture) => {
  const { audit } = ARCHITECTURES[architecture];
  const ask = (name: string, ...values: bigint[]): number =>
    runFilter(buildPortFilter(architecture), {
      number: NUMBERS[architecture].get(name)!,
      audit,
      arguments: values,
    });

  test('refuses to bind and to listen', () => {
    expect([ask('bind'), ask('listen')]).toEqual([fails(EACCES), fails(EACCES)]);
  });

  test('opens TCP and UDP, whatever flags are with the type, and no other protocol', () => {
    const flags = fc.constantFrom(0n, 0o4000n, 0o2000000n, 0o2004000n);
    fc.assert(
      fc.property(fc.bigInt(0n, 15n), flags, fc.bigInt(0n, 300n), (type, flag, protocol) => {
        const isKnown = (type === 1n || type === 2n) && [0n, 6n, 17n].includes(protocol);
        expect(ask('socket', 2n, type | flag, protocol)).toBe(isKnown ? ALLOW : fails(EPERM));
      }),
    );
    // SCTP, by its number and by its type.
    expect([ask('socket', 2n, 1n, 132n), ask('socket', 2n, 5n, 0n)]).toEqual([fails(EPERM), fails(EPERM)]);
  });

  test('leaves what the engine needs alone', () => {
    for (const name of NEEDED.filter((each) => each !== 'bind' && each !== 'listen'))
      expect(ask(name)).toBe(ALLOW);
  });
});

test('the filter on x64 refuses the x32 twins of all calls', () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(600), fc.nat(0x3fff_ffff)), (number) => {
      const call = { number: 0x4000_0000 + number, audit: ARCHITECTURES.x64.audit };
      expect(runFilter(buildFilter('x64', PID), call)).toBe(fails(EPERM));
    }),
  );
});

test('the programs are short enough for every kernel, and every jump stays inside', () => {
  const programs = EACH.flatMap((each) => [
    buildFilter(each, PID),
    buildOutboundFilter(each),
    buildPortFilter(each),
  ]);
  for (const program of programs) {
    // linux/bpf_common.h: BPF_MAXINSNS
    expect(program.length).toBeLessThan(4096);
    for (const [at, [code, ifTrue, ifFalse]] of program.entries()) {
      if (code === 0x06 || code === 0x20 || code === 0x54) continue;
      for (const jump of [ifTrue, ifFalse]) {
        expect(jump).toBeLessThan(256);
        expect(at + 1 + jump).toBeLessThan(program.length);
      }
    }
  }
});
