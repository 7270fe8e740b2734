/**
 * Builds the WebAssembly guests from their C sources and notes the compiler that made them.
 *
 *   node scripts/build-guests.ts [--only NAME]… [--out DIR]
 *
 * Needs clang with a wasm32 target, wasi-libc and lld (Debian: `apt-get install clang lld wasi-libc
 * libclang-rt-14-dev-wasm32`). The outputs are committed, so only whoever changes a guest needs them.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** Socket functions a guest is compiled for; see docs/socket-abis.md. */
type GuestAbi = 'preview1' | 'wasmedge' | 'wasix';

/** One program and what becomes of it. */
interface Guest {
  /** What `--only` takes; the output is `<name>.wasm`. */
  readonly name: string;
  /** C file, relative to the repository. */
  readonly source: string;
  /** Folder of the committed output, relative to the repository. */
  readonly folder: string;
  /** Absent where the program uses no sockets. */
  readonly abi?: GuestAbi;
  /** `speed` where it is measured, `size` elsewhere. */
  readonly optimise: 'speed' | 'size';
  /** Keep function names, for stack traces. */
  readonly keepNames?: boolean;
}

const HELLO = 'examples/hello-wasm/hello.c';
const FOLDER = 'test/guests';

const plain = (name: string, options: { keepNames?: boolean } = {}): Guest => ({
  name,
  source: `${FOLDER}/${name}.c`,
  folder: FOLDER,
  optimise: 'size',
  ...options,
});

const networked = (program: string, abi: GuestAbi): Guest => ({
  name: `${program}-${abi}`,
  source: `${FOLDER}/${program}.c`,
  folder: FOLDER,
  abi,
  optimise: 'size',
});

const hello = (abi: GuestAbi): Guest => ({
  ...networked('hello', abi),
  source: HELLO,
  optimise: 'speed',
});

/** Every committed guest. */
export const GUESTS: readonly Guest[] = [
  { name: 'hello', source: HELLO, folder: dirname(HELLO), abi: 'wasmedge', optimise: 'speed' },
  hello('preview1'),
  hello('wasmedge'),
  hello('wasix'),
  networked('echo', 'wasmedge'),
  networked('addresses', 'wasmedge'),
  networked('nolisten', 'wasmedge'),
  networked('spinner', 'wasmedge'),
  networked('stream', 'wasmedge'),
  networked('client', 'wasmedge'),
  networked('client', 'wasix'),
  networked('udp', 'wasmedge'),
  networked('udp', 'wasix'),
  networked('rebind', 'wasmedge'),
  networked('rebind', 'wasix'),
  networked('sockets', 'wasmedge'),
  networked('sockets', 'wasix'),
  { ...plain('wasmedge-calls'), abi: 'wasmedge' },
  { ...plain('wasix-calls'), abi: 'wasix' },
  plain('files'),
  plain('ticker'),
  plain('timers'),
  plain('crasher', { keepNames: true }),
  plain('environment'),
  plain('cat'),
];

const REPOSITORY = resolve(import.meta.dirname, '..');

/** File beside the guests that names the compiler they were made with. */
export const COMPILER_FILE = join(REPOSITORY, FOLDER, 'compiler.txt');

const COMMON_FLAGS = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', `-I${FOLDER}/include`];

/** Arguments that turn `guest` into a WebAssembly module, without `-o FILE`. */
const wasmArguments = (guest: Guest): string[] => [
  '--target=wasm32-wasi',
  guest.optimise === 'speed' ? '-O2' : '-Oz',
  // Debug sections of libc go in either case; --strip-all also drops the function names.
  guest.keepNames === true ? '-Wl,--strip-debug' : '-Wl,--strip-all',
  ...(guest.abi === undefined ? [] : [`-DGUEST_${guest.abi.toUpperCase()}`]),
  ...COMMON_FLAGS,
  guest.source,
];

const run = (program: string, args: readonly string[]): string => {
  try {
    return execFileSync(program, args, {
      cwd: REPOSITORY,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new Error(
        `${program} is not installed. On Debian: apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32`,
        { cause: error },
      );
    }
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new Error(`${program} ${args.join(' ')} failed:\n${output}`, { cause: error });
  }
};

/** First line of `clang --version`, the identity of the compiler. */
export const compilerVersion = (): string => run('clang', ['--version']).split('\n', 1)[0] ?? '';

/** Compiles `guest` into `folder` (default: its own) and returns the path of the module. */
export const buildGuest = (guest: Guest, folder: string = join(REPOSITORY, guest.folder)): string => {
  mkdirSync(folder, { recursive: true });
  const output = join(folder, `${guest.name}.wasm`);
  run('clang', [...wasmArguments(guest), '-o', output]);
  return output;
};

/** Compiles the C source `source` for this machine: what a guest is compared with. */
export const buildNative = (source: string, output: string): void => {
  run('cc', ['-O2', ...COMMON_FLAGS, source, '-o', output]);
};

/** The guest called `name`; throws if there is none. */
export const findGuest = (name: string): Guest => {
  const guest = GUESTS.find((candidate) => candidate.name === name);
  if (guest === undefined) {
    throw new Error(`there is no guest ${name}; there are ${GUESTS.map((known) => known.name).join(', ')}`);
  }
  return guest;
};

const main = (): void => {
  const { values } = parseArgs({
    options: { only: { type: 'string', multiple: true }, out: { type: 'string' } },
  });
  const guests = values.only?.map(findGuest) ?? GUESTS;
  for (const guest of guests) console.log(buildGuest(guest, values.out));
  if (values.only === undefined && values.out === undefined)
    writeFileSync(COMPILER_FILE, `${compilerVersion()}\n`);
};

if (import.meta.main) {
  try {
    main();
  } catch (error) {
    console.error(`build-guests: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
