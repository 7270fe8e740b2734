/** Calls of every host function with arguments no program would pass, and the module that makes them. */
import fc from 'fast-check';
import { WASI } from '../../../src/engine/errno.ts';
import { OP, STORE32, TRAP_UNLESS_ZERO, call, code, i32, i64 } from '../../helpers/wasm-encoder.ts';
import type { ModuleParts, ValueType } from '../../helpers/wasm-encoder.ts';

/**
 * What each function takes: f descriptor, k descriptor to be lost, p pointer, n length or count, v any i32, c clock, s path (pointer and
 * length), l flags of a descriptor, w any i64, z size (i64, so that no disk fills up).
 */
const FUNCTIONS: Readonly<Record<string, string>> = {
  args_get: 'pp',
  args_sizes_get: 'pp',
  environ_get: 'pp',
  environ_sizes_get: 'pp',
  clock_res_get: 'cp',
  clock_time_get: 'cwp',
  fd_advise: 'fwwv',
  fd_allocate: 'fzz',
  fd_close: 'k',
  fd_datasync: 'f',
  fd_fdstat_get: 'fp',
  fd_fdstat_set_flags: 'fl',
  fd_fdstat_set_rights: 'fww',
  fd_filestat_get: 'fp',
  fd_filestat_set_size: 'fz',
  fd_filestat_set_times: 'fwwv',
  fd_pread: 'fpnwp',
  fd_prestat_get: 'fp',
  fd_prestat_dir_name: 'fpn',
  fd_pwrite: 'fpnzp',
  fd_read: 'fpnp',
  fd_readdir: 'fpnwp',
  fd_renumber: 'kf',
  fd_seek: 'fzvp',
  fd_sync: 'f',
  fd_tell: 'fp',
  fd_write: 'fpnp',
  path_create_directory: 'fs',
  path_filestat_get: 'fvsp',
  path_filestat_set_times: 'fvswwv',
  path_link: 'fvsfs',
  path_open: 'fvsvwwvp',
  path_readlink: 'fspnp',
  path_remove_directory: 'fs',
  path_rename: 'fsfs',
  path_symlink: 'sfs',
  path_unlink_file: 'fs',
  poll_oneoff: 'qp',
  random_get: 'pn',
  sched_yield: '',
  sock_accept: 'flp',
  sock_recv: 'fpnvpp',
  sock_send: 'fpnvp',
  sock_shutdown: 'fv',
};

/** What WasmEdge adds, with `u` an address family or type, `o` an option's level or name. */
const WASMEDGE: typeof FUNCTIONS = {
  sock_open: 'uup',
  sock_bind: 'fpv',
  sock_listen: 'fv',
  sock_connect: 'fpv',
  sock_getlocaladdr: 'fppp',
  sock_getpeeraddr: 'fpp',
  sock_setsockopt: 'foopn',
  sock_getsockopt: 'foopp',
  sock_send_to: 'fpnpvvp',
};

/** What WASIX adds. */
const WASIX: typeof FUNCTIONS = {
  sock_open: 'uuup',
  sock_bind: 'fp',
  sock_listen: 'fv',
  sock_connect: 'fp',
  sock_addr_local: 'fp',
  sock_addr_peer: 'fp',
  sock_status: 'fp',
  sock_set_opt_flag: 'fov',
  sock_get_opt_flag: 'fop',
  sock_set_opt_size: 'fow',
  sock_get_opt_size: 'fop',
  sock_set_opt_time: 'fop',
  sock_get_opt_time: 'fop',
  sock_send_to: 'fpnvpp',
};

/** These would wait for ever on a socket the guest has opened. */
const withoutWaiting = ({ fd_read: _1, sock_recv: _2, sock_accept: _3, ...others }: typeof FUNCTIONS) =>
  others;

/** Functions by ABI, and the module that those come from which only that ABI has. */
export const ABIS: readonly (readonly [string, string, typeof FUNCTIONS])[] = [
  ['preview1', 'wasi_snapshot_preview1', FUNCTIONS],
  ['WasmEdge', 'wasi_snapshot_preview1', { ...withoutWaiting(FUNCTIONS), ...WASMEDGE }],
  ['WASIX', 'wasix_32v1', { ...withoutWaiting(FUNCTIONS), ...WASIX }],
];

/** proc_exit and proc_raise are the deliberate ends; the first one ends every run. */
const EXIT = { name: 'proc_exit', parameters: ['i32'], results: [] } as const;
export const SURVIVED = 42;

const MEMORY_PAGES = 4;
const MEMORY_SIZE = MEMORY_PAGES * 65_536;
/** Where the module's data starts: paths, each in a slot of its own. */
const PATHS = [
  'a',
  'b',
  'd',
  'd/a',
  'd/../a',
  '../x',
  '/',
  '/etc/passwd',
  '.',
  '..',
  'd/',
  '',
  'nul\0',
  '\u{1f600}',
  'x'.repeat(300),
  'l/a',
];
const PATH_SLOT = 512;
const INVALID_UTF8 = Buffer.from([0x61, 0xff, 0xfe]);
/** A little-endian `$subscription` list lies here: clocks and descriptors, see below. */
const SUBSCRIPTIONS_AT = 65_536;
const SUBSCRIPTION_SIZE = 48;

type Argument = number | bigint;
export interface Call {
  readonly name: string;
  readonly arguments: readonly Argument[];
}

const pointer = fc.oneof(
  { weight: 4, arbitrary: fc.nat(MEMORY_SIZE / 8 - 1).map((word) => 8 * word) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 4, 7, 8) },
  { weight: 2, arbitrary: fc.nat(64).map((back) => MEMORY_SIZE - back) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(MEMORY_SIZE, 0x7fff_ffff, 0x8000_0000, 0xffff_0000, 0xffff_fff8, 0xffff_ffff),
  },
);
const length = fc.oneof(
  { weight: 4, arbitrary: fc.nat(64) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      1024,
      1025,
      4096,
      MEMORY_SIZE,
      0x1fff_ffff,
      0x2000_0000,
      0x7fff_ffff,
      0x8000_0000,
      0xffff_ffff,
    ),
  },
);
const descriptor = fc.oneof(
  { weight: 8, arbitrary: fc.nat(12) },
  { weight: 1, arbitrary: fc.constantFrom(13, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff) },
);
/** Rarely one of those that were there at first: all the others come from those. */
const descriptorToLose = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 7, max: 12 }) },
  { weight: 1, arbitrary: descriptor },
);
const anyWord = fc.oneof(fc.nat(16), fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_ffff), fc.integer());
const anyLong = fc.oneof(
  fc.bigInt({ min: -2n, max: 300n }),
  fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 2n ** 32n),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const sizeOnDisk = fc.oneof(
  fc.bigInt({ min: -2n, max: 100_000n }),
  fc.constantFrom(2n ** 63n - 1n, 2n ** 62n, -(2n ** 63n)),
);
const path: fc.Arbitrary<readonly number[]> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.nat(PATHS.length - 1).map((index) => [index * PATH_SLOT, Buffer.byteLength(PATHS[index]!)]),
  },
  { weight: 1, arbitrary: fc.constant([PATHS.length * PATH_SLOT, INVALID_UTF8.length]) },
  { weight: 2, arbitrary: fc.tuple(pointer, length) },
);
/** Non-blocking, so that nothing waits for a peer that never comes. */
const descriptorFlags = fc.nat(63).map((flags) => flags | 4);
/** How many of the subscriptions, whatever the first: they include a clock of one millisecond. */
const subscriptions = fc.nat(8).map((count) => [SUBSCRIPTIONS_AT, count]);

const one = <Value extends Argument>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Argument[]> =>
  arbitrary.map((value) => [value]);
const ARGUMENT: Readonly<Record<string, fc.Arbitrary<Argument[]>>> = {
  f: one(descriptor),
  k: one(descriptorToLose),
  p: one(pointer),
  n: one(length),
  v: one(anyWord),
  c: one(fc.oneof(fc.nat(5), anyWord)),
  u: one(fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, anyWord)),
  o: one(fc.oneof(fc.nat(25), anyWord)),
  l: one(descriptorFlags),
  w: one(anyLong),
  z: one(sizeOnDisk),
  s: path.map((values) => [...values]),
  q: subscriptions,
};
const TYPES: Readonly<Record<string, readonly ValueType[]>> = {
  w: ['i64'],
  z: ['i64'],
  s: ['i32', 'i32'],
  q: ['i32', 'i32'],
};
const parametersOf = (kinds: string): ValueType[] =>
  kinds.split('').flatMap((kind) => TYPES[kind] ?? ['i32']);

/** poll_oneoff takes `in, out, nsubscriptions, nevents`: the count goes behind the out pointer. */
const inOrder = (name: string, values: readonly Argument[]): readonly Argument[] => {
  if (name !== 'poll_oneoff') return values;
  const [at, count, events] = values;
  return [at!, events!, count!, 0];
};
const signatureOf = (name: string, kinds: string): ValueType[] =>
  name === 'poll_oneoff' ? ['i32', 'i32', 'i32', 'i32'] : parametersOf(kinds);

export const anyCallOf = (functions: typeof FUNCTIONS): fc.Arbitrary<Call> =>
  fc.oneof(
    ...Object.entries(functions).map(([name, kinds]) =>
      fc
        .tuple(...kinds.split('').map((kind) => ARGUMENT[kind]!))
        .map((values): Call => ({ name, arguments: inOrder(name, values.flat()) })),
    ),
  );

/** Clocks of all kinds that are over at once or after a millisecond, and descriptors. */
const subscriptionList = (): Buffer => {
  const list = Buffer.alloc(8 * SUBSCRIPTION_SIZE);
  const clock = (index: number, id: number, timeout: bigint, flags: number): void => {
    list.writeUInt32LE(id, index * SUBSCRIPTION_SIZE + 16);
    list.writeBigUInt64LE(timeout, index * SUBSCRIPTION_SIZE + 24);
    list.writeUInt16LE(flags, index * SUBSCRIPTION_SIZE + 40);
  };
  const wait = (index: number, tag: number, fd: number): void => {
    list.writeUInt8(tag, index * SUBSCRIPTION_SIZE + 8);
    list.writeUInt32LE(fd, index * SUBSCRIPTION_SIZE + 16);
  };
  clock(0, 1, 1_000_000n, 0);
  clock(1, 0, 1n, 1);
  clock(2, 99, 0n, 0);
  wait(3, 1, 0);
  wait(4, 2, 3);
  wait(5, 1, 0xffff_ffff);
  wait(6, 7, 1);
  clock(7, 1, 2n ** 64n - 1n, 0xfffe);
  return list;
};

/** Puts the clock of one millisecond back in its place. */
const RESTORE_FIRST_CLOCK = Array.from({ length: SUBSCRIPTION_SIZE / 4 }, (_, index) =>
  code(i32(SUBSCRIPTIONS_AT + 4 * index), i32(subscriptionList().readInt32LE(4 * index)), STORE32),
).flat();

/** Makes the calls one after another; a result that is no errno is a trap, the end is status 42. */
export const moduleOf = (
  calls: readonly Call[],
  functions: typeof FUNCTIONS,
  ownModule: string,
): ModuleParts => {
  const names = Object.keys(functions);
  const pathData = PATHS.map((text, index) => ({ at: index * PATH_SLOT, bytes: Buffer.from(text) }));
  return {
    imports: [
      ...Object.entries(functions).map(([name, kinds]) => ({
        name,
        module: functions[name] === FUNCTIONS[name] ? 'wasi_snapshot_preview1' : ownModule,
        parameters: signatureOf(name, kinds),
        results: ['i32'] as const,
      })),
      EXIT,
    ],
    memory: { pages: MEMORY_PAGES, most: MEMORY_PAGES },
    data: [
      ...pathData,
      { at: PATHS.length * PATH_SLOT, bytes: INVALID_UTF8 },
      { at: SUBSCRIPTIONS_AT, bytes: subscriptionList() },
    ],
    functions: [
      {
        locals: 1,
        body: code(
          ...calls.map(({ name, arguments: values }) =>
            code(
              // An earlier call may have overwritten what makes poll_oneoff end.
              name === 'poll_oneoff' ? RESTORE_FIRST_CLOCK : [],
              ...values.map((value) => (typeof value === 'bigint' ? i64(value) : i32(value))),
              code(call(names.indexOf(name)), i32(WASI.ENOTCAPABLE), OP.greaterUnsigned, TRAP_UNLESS_ZERO),
            ),
          ),
          i32(SURVIVED),
          call(names.length),
        ),
      },
    ],
  };
};
