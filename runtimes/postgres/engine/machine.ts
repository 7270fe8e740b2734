/**
 * An instance of npm's PGlite, without the JavaScript that comes with it, for one backend after the other: to make one is
 * much of what a session's start takes. All that it imports is what its backend provides at the time.
 */
import type { Call } from '../../../src/engine/emscripten/calls.ts';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { BackendExports } from './backend-exports.ts';
import { DynamicLibraries } from './dynamic-libraries.ts';
import type { LinkStep } from './dynamic-libraries.ts';
import { conversionCalls } from './encoding-conversions.ts';
import { isInvocation, jumpModule } from './jumps.ts';
import { importsOf, linkImports, plain, refusing, setCallbacks, suspending } from './linkage.ts';
import type { HostFunctions } from './linkage.ts';
import { clearPages } from './session-pages.ts';
import { discard, unmapFrom } from './shared-pages.ts';
import type { Range } from './shared-pages.ts';
import { STACK_TOP } from './static-variables.ts';
import type { WaitingCall } from './syscalls/waiting-calls.ts';

/** As the module declares its memory and its table. */
const INITIAL_PAGES = 2048;
const MOST_PAGES = 32_768;
const TABLE_SIZE = 6980;
/** A table never shrinks: what the libraries of all its backends together may have there. */
const MOST_PLACES = 65_536;

/** What machines are made from. */
export interface MachineHost {
  readonly module: WebAssembly.Module;
  /** Modules that were loaded at run time, by path. */
  readonly libraries: Map<string, WebAssembly.Module>;
}

/** What a machine is like before it is a copy of a backend: it has as much memory, and has loaded the same. */
export interface MachineForm {
  /** Of WebAssembly. */
  readonly memoryPages: number;
  readonly libraries: readonly LinkStep[];
  /** Where all have the shared memory. */
  readonly shared: Range;
  /** Where the copy ends. */
  readonly end: number;
}

/** What a backend provides: functions by the names of imports, those of its client, and its files. */
export interface Occupant {
  readonly calls: Readonly<Record<string, Call>>;
  /** May answer by promises: the stack that has called is suspended until then. */
  readonly waiting: Readonly<Record<string, WaitingCall>>;
  readonly client: Readonly<Record<'read' | 'write', WaitingCall>>;
  readonly files: GuestFileSystem;
}

type Provided = (...values: never[]) => ReturnType<Call | WaitingCall>;

/** A function by its present meaning. */
interface Slot {
  call: Provided;
}

export class Machine {
  readonly memory = new GuestMemory();
  readonly linearMemory: WebAssembly.Memory;
  readonly stackPointer = new WebAssembly.Global({ value: 'i32', mutable: true }, STACK_TOP);
  readonly #host: MachineHost;
  readonly #form: MachineForm | undefined;
  readonly #table = new WebAssembly.Table({ initial: TABLE_SIZE, element: 'anyfunc' });
  /** What its imports call. */
  readonly #slots = new Map<string, Slot>();
  #files: GuestFileSystem | undefined;
  #exports: (BackendExports & Record<string, unknown>) | undefined;
  #libraries: DynamicLibraries | undefined;
  #isCopy = false;

  /** @param form - absent for one whose backend is a copy of none */
  constructor(host: MachineHost, form?: MachineForm) {
    this.#host = host;
    this.#form = form;
    const initial = form?.memoryPages ?? INITIAL_PAGES;
    this.linearMemory = new WebAssembly.Memory({ initial, maximum: MOST_PAGES });
    this.memory.attach(this.linearMemory);
  }

  /** Not before somebody has occupied it. */
  get exports(): BackendExports & Record<string, unknown> {
    return this.#exports!;
  }

  /**
   * Makes its memory the copy that its form is of, where it is not yet.
   * @param map - maps all that it has and shares
   */
  copy(map: () => void): void {
    if (!this.#isCopy) map();
    this.#isCopy = true;
  }

  /** Something is mapped there, which takes the place of what was. */
  onMap(address: number): void {
    if (this.#form !== undefined && address < this.#form.end) this.#isCopy = false;
  }

  /** What it has loaded. */
  get loaded(): readonly LinkStep[] {
    return this.#libraries!.steps;
  }

  /** From now on it is this backend's, which finds nothing in its memory. */
  occupy(occupant: Occupant): void {
    this.#files = occupant.files;
    const isNew = this.#exports === undefined;
    if (isNew) this.#make(occupant);
    const { calls, waiting, client } = occupant;
    const provided: Readonly<Record<string, Provided>> = { ...calls, ...waiting, ...client };
    for (const [name, slot] of this.#slots) slot.call = provided[name] ?? refusing(name);
    if (this.#form === undefined) return;
    if (!isNew) return this.#libraries!.reset(this.#form.libraries);
    this.exports.__wasm_call_ctors();
    this.#libraries!.repeat(this.#form.libraries);
  }

  /** Nobody has it any more, and nothing is left in there of what is not everybody's. May it be another backend's? */
  vacate(): boolean {
    const { memory } = this;
    memory.refresh();
    if (this.#form === undefined || !this.#isCopy) {
      this.abandon();
    } else {
      const { shared, end } = this.#form;
      const behind = shared.address + shared.length;
      discard(memory, 0, shared.address);
      discard(memory, behind, end - behind);
      clearPages(memory, { address: end, length: memory.bytes.length - end });
    }
    return this.#form !== undefined && this.#table.length < MOST_PLACES;
  }

  /** Nobody will ever have it again. */
  abandon(): void {
    // V8 gives memory back when it happens to notice that nobody has it.
    unmapFrom(this.memory, 0, this.memory.bytes.length);
  }

  #make({ calls, waiting, client }: Occupant): void {
    const { memory, stackPointer, linearMemory } = this;
    const table = this.#table;
    const { module, libraries: compiled } = this.#host;
    const caught = new WebAssembly.Global({ value: 'i32', mutable: true }, table.grow(1));
    const jumping = new WebAssembly.Tag({ parameters: [] });
    const invocations = (names: readonly string[]): Record<string, WebAssembly.HostFunction> =>
      new WebAssembly.Instance(jumpModule(names), { host: { table, stackPointer, caught, jumping } })
        .exports as never;
    const wanted = importsOf(module);
    const { jump, ...invoked } = invocations(wanted.map(({ name }) => name).filter(isInvocation));
    const fixed = { memory: linearMemory, __indirect_function_table: table, __stack_pointer: stackPointer };
    const exports = (): BackendExports & Record<string, unknown> => this.exports;
    const provided: HostFunctions = {
      ...plain(memory, this.#forwards([...wanted.map(({ name }) => name), ...Object.keys(calls)])),
      ...suspending(memory, this.#forwards(Object.keys(waiting))),
      ...invoked,
      _emscripten_throw_longjmp: jump!,
      __call_sighandler: (handler: number, signal: number) =>
        (table.get(handler) as (signal: number) => void)(signal),
    };
    const files = (): GuestFileSystem => this.#files!;
    const linked = { memory, files, table, fixed, provided, exports, invocations, compiled };
    this.#libraries = new DynamicLibraries(linked);
    Object.assign(provided, plain(memory, this.#libraries.calls()));
    Object.assign(provided, plain(memory, conversionCalls({ memory, table, exports })));
    this.#exports = new WebAssembly.Instance(module, linkImports(wanted, provided, fixed)).exports as never;
    table.set(caught.value, this.exports.setThrew);
    setCallbacks(this.exports, table, suspending(memory, this.#forwards(Object.keys(client))));
  }

  /** Functions that call what is provided at the time. */
  #forwards(names: readonly string[]): Record<string, Provided> {
    return Object.fromEntries(
      names.map((name) => {
        const slot: Slot = { call: refusing(name) };
        this.#slots.set(name, slot);
        return [name, (...values: never[]) => slot.call(...values)];
      }),
    );
  }
}
