/** Looks at what a module imports, names its socket ABI, and links it to the host's functions. */
import { WasmrunError } from '../errors.ts';
import { PREVIEW1, preview1Functions } from './abi/preview1.ts';
import { WASIX, wasixFunctions } from './abi/wasix.ts';
import { wasmedgeFunctions } from './abi/wasmedge.ts';
import { WASI } from './errno.ts';
import type { GuestContext, HostFunctions } from './guest-context.ts';
import { GuestFault } from './guest-memory.ts';
import type { GuestMemory } from './guest-memory.ts';
import type { PreparedMessage } from './messages.ts';
import { isTrap } from './trap.ts';

export type SocketAbi = PreparedMessage['abi'];

/** What to say about modules made for another host. */
const HINT_FOR_MODULE: Readonly<Record<string, string>> = {
  env: 'Compile for wasm32-wasi: `env` is what Emscripten and undefined C symbols import.',
  wasi: 'Threads (wasi-threads) are not available yet: compile without them.',
  wasi_unstable: 'This is the snapshot before preview1: compile with a toolchain from 2020 or later.',
};

/** Import modules the engine knows. A function missing there answers ENOSYS; other modules are refused. */
const KNOWN_MODULES: ReadonlySet<string> = new Set([PREVIEW1, WASIX]);

const names = (imports: readonly WebAssembly.ModuleImportDescriptor[], module: string): Set<string> =>
  new Set(imports.filter((each) => each.module === module).map((each) => each.name));

/** The socket ABI a module was written for. */
export const detectAbi = (imports: readonly WebAssembly.ModuleImportDescriptor[]): SocketAbi => {
  if (names(imports, WASIX).has('sock_open')) return 'wasix';
  const preview1 = names(imports, PREVIEW1);
  if (preview1.has('sock_open') || preview1.has('sock_open_v2')) return 'wasmedge';
  return preview1.has('sock_accept') ? 'preview1' : 'none';
};

/**
 * Throws MODULE_UNSUPPORTED_IMPORTS if the module needs a host that wasmrun is not.
 */
export const checkImports = (file: string, imports: readonly WebAssembly.ModuleImportDescriptor[]): void => {
  const foreign = imports.filter(({ module, kind }) => kind !== 'function' || !KNOWN_MODULES.has(module));
  if (foreign.length === 0) return;
  const list = foreign.map(
    ({ module, name, kind }) => `${module}.${name}${kind === 'function' ? '' : ` (${kind})`}`,
  );
  const shown = list.slice(0, 8).join(', ') + (list.length > 8 ? `, and ${list.length - 8} more` : '');
  throw new WasmrunError(
    'MODULE_UNSUPPORTED_IMPORTS',
    `${file} imports what wasmrun does not provide: ${shown}`,
    {
      hint:
        HINT_FOR_MODULE[foreign[0]!.module] ??
        'wasmrun runs WASI preview1, WasmEdge-socket and WASIX modules.',
    },
  );
};

export interface LinkedImports {
  readonly imports: WebAssembly.Imports;
  /** Functions of known modules that answer ENOSYS, as `module.name`. */
  readonly missing: readonly string[];
}

/** The import object of a module. */
export const linkImports = (
  descriptors: readonly WebAssembly.ModuleImportDescriptor[],
  context: GuestContext,
): LinkedImports => {
  const preview1 = preview1Functions(context);
  const provided: Readonly<Record<string, HostFunctions>> = {
    [PREVIEW1]: { ...preview1, ...wasmedgeFunctions(context) },
    [WASIX]: { ...preview1, ...wasixFunctions(context) },
  };
  const imports: Record<string, Record<string, WebAssembly.HostFunction>> = {};
  const missing: string[] = [];
  for (const { module, name } of descriptors) {
    const found = provided[module]?.[name];
    if (found === undefined) missing.push(`${module}.${name}`);
    (imports[module] ??= {})[name] = found === undefined ? () => WASI.ENOSYS : guard(found, context.memory);
  }
  return { imports, missing };
};

type Argument = number | bigint | undefined;
type AnyHostFunction = (...args: Argument[]) => number;

/** WebAssembly hands i32 over signed, but addresses and sizes are unsigned. */
const unsigned = (value: Argument): Argument => (typeof value === 'number' ? value >>> 0 : value);

const fault = (error: unknown): number => {
  if (error instanceof GuestFault) return error.errno;
  // A DataView's answer to an address outside; but V8's when the stack is used up, too.
  if (error instanceof RangeError && !isTrap(error)) return WASI.EFAULT;
  throw error;
};

/**
 * Around every host function: fresh memory views before it, EFAULT for addresses outside the memory.
 * Written out by number of parameters, because rest parameters would cost an array on each call.
 */
const guard = (hostFunction: HostFunctions[string], memory: GuestMemory): WebAssembly.HostFunction => {
  const call = hostFunction as unknown as AnyHostFunction;
  const few = (a: Argument, b: Argument, c: Argument, d: Argument, e: Argument, f: Argument): number => {
    memory.refresh();
    try {
      return call(unsigned(a), unsigned(b), unsigned(c), unsigned(d), unsigned(e), unsigned(f));
    } catch (error) {
      return fault(error);
    }
  };
  const many = (...args: Argument[]): number => {
    memory.refresh();
    try {
      return call(...args.map(unsigned));
    } catch (error) {
      return fault(error);
    }
  };
  return call.length <= 6 ? few : many;
};
