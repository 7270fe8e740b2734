/** The QuickJS instance a Node.js app runs in, with the bridge to it. */
import { QuickJS } from 'quickjs-wasi';
import type { QuickJSOptions, Snapshot } from 'quickjs-wasi';
import { Bridge } from './bridge.ts';
import type { BridgeExports, HostFunction, QuickJsExports, RawHostFunction } from './bridge.ts';
import type { MemoryImage } from './memory-image.ts';
import { VALUE_SIZE } from './values.ts';
import type { Crossing } from './values.ts';

/** Compiled modules and whatever else an instance is made of. */
export interface GuestParts {
  /** As rewrite/promise-calls.ts leaves it. */
  readonly quickjs: WebAssembly.Module;
  readonly bridge: WebAssembly.Module;
  /** Extensions of quickjs-wasi, by name. */
  readonly extensions: readonly {
    readonly name: string;
    readonly wasm: WebAssembly.Module;
    readonly initFn?: string;
  }[];
}

export interface GuestLimits {
  /** Bytes the guest may use for its own values. */
  readonly memory: number;
}

/** Functions of the engine the guest finds in its global `__wasmrun`, by name. */
export interface EngineFunctions {
  readonly plain: Readonly<Record<string, HostFunction>>;
  /** Those that work on values where they lie. */
  readonly raw: Readonly<Record<string, RawHostFunction>>;
}

/** Where quickjs-wasi keeps what it loaded; it has no accessor for the exports of an extension. */
interface Internals {
  readonly exports: QuickJsExports & { readonly __stack_pointer: { value: number } };
  readonly loadedExtensions: readonly { readonly name: string; readonly instance: WebAssembly.Instance }[];
}

const internalsOf = (vm: QuickJS): Internals => vm as unknown as Internals;

const BRIDGE = 'wasmrun';
/** Bytes of stack for what QuickJS does after it has found that there is no more. */
const STACK_RESERVE = 512 * 1024;
/** Those of native/natives.c, in its order. */
const NATIVE_FUNCTIONS = [
  'classOf',
  'asciiSlice',
  'compileFunction',
  'compileScript',
  'setModuleHooks',
  'compileModule',
  'syntheticModule',
  'setModuleExport',
  'evaluateModule',
  'linkModule',
  'moduleNamespace',
  'moduleMeta',
  'moduleStatus',
  'moduleError',
  'checkModules',
  'ignoreRejection',
  'currentFrame',
  'exchangeFrame',
  'runMicrotasks',
  'setPromiseHooks',
  'setRejectionCallback',
  'privateSymbol',
  'createRealm',
  'useAsyncIds',
  'useAsyncHooks',
  'nextAsyncId',
  'triggerAsyncId',
  'pushAsyncContext',
  'popAsyncContext',
  'emitBefore',
  'emitAfter',
  'emitDestroy',
  'clearAsyncContexts',
  'asyncContextResource',
  'useTickInfo',
  'useTicks',
  'nextTick',
  'hasTicks',
  'runTicks',
  'hideFrames',
  'argumentOf',
] as const;

/** What functions of the engine are made with. */
export type MakeFunctions = (bridge: Bridge) => EngineFunctions;

export class Guest {
  readonly bridge: Bridge;
  readonly #vm: QuickJS;
  /** Addresses of functions of the guest that the engine calls. */
  readonly #entries = new Map<string, number>();
  #isRunning = false;
  readonly #posted: [name: string, ...values: Crossing[]][] = [];

  private constructor(vm: QuickJS, bridge: Bridge) {
    this.#vm = vm;
    this.bridge = bridge;
  }

  /**
   * Starts QuickJS and evaluates `script` in it, which finds the functions in `__wasmrun`.
   * @param functions - made once the bridge is there
   */
  static async create(
    parts: GuestParts,
    limits: GuestLimits,
    functions: MakeFunctions,
    script: string,
  ): Promise<Guest> {
    const { vm, bridge } = await start((options) => QuickJS.create(options), parts, limits);
    const guest = new Guest(vm, bridge);
    const object = bridge.allocate(3 * VALUE_SIZE);
    bridge.exports.bridge_object(object);
    for (const [name, number] of registerAll(bridge, functions(bridge))) {
      bridge.exports.bridge_function(object + VALUE_SIZE, number);
      bridge.withName(name, (pointer) =>
        bridge.exports.bridge_set_property(object, pointer, object + VALUE_SIZE),
      );
    }
    for (const [number, name] of NATIVE_FUNCTIONS.entries()) {
      bridge.exports.bridge_native_function(object + VALUE_SIZE, number);
      bridge.withName(name, (pointer) =>
        bridge.exports.bridge_set_property(object, pointer, object + VALUE_SIZE),
      );
    }
    bridge.exports.bridge_global(object + VALUE_SIZE);
    bridge.withName('__wasmrun', (pointer) =>
      bridge.exports.bridge_set_property(object + VALUE_SIZE, pointer, object),
    );
    bridge.exports.bridge_free(object + VALUE_SIZE);
    bridge.evaluate(script, 'wasmrun:guest', object + VALUE_SIZE);
    bridge.exports.bridge_free(object + VALUE_SIZE);
    bridge.release(object);
    return guest;
  }

  /** Goes on from the state that {@link snapshot} saved into a file, with the same functions. */
  static async restore(
    parts: GuestParts,
    limits: GuestLimits,
    functions: MakeFunctions,
    image: MemoryImage,
  ): Promise<Guest> {
    const restored = (options: QuickJSOptions): Promise<QuickJS> => restoreImage(image, options);
    const { vm, bridge } = await start(restored, parts, limits);
    registerAll(bridge, functions(bridge));
    return new Guest(vm, bridge);
  }

  get memory(): WebAssembly.Memory {
    return internalsOf(this.#vm).exports.memory;
  }

  /** From now on functions have this many bytes of stack before a RangeError; called while none runs. */
  useStack(size: number): void {
    const bottom = this.bridge.allocate(size + STACK_RESERVE);
    // The linker's conventions want it aligned to 16 bytes (tool-conventions, "Basic C ABI").
    internalsOf(this.#vm).exports.__stack_pointer.value = (bottom + size + STACK_RESERVE) & ~15;
    this.bridge.exports.bridge_use_stack(size);
  }

  snapshot(): Snapshot {
    this.#vm.runGC();
    return this.#vm.snapshot();
  }

  /** Calls one of the functions that the guest gave to `setEntries`. */
  call(name: string, ...values: readonly Crossing[]): Crossing {
    this.#isRunning = true;
    try {
      return this.#call(name, values);
    } finally {
      this.#isRunning = false;
      while (this.#posted.length > 0 && !this.#isRunning) {
        const [next, ...its] = this.#posted.shift()!;
        this.call(next, ...its);
      }
    }
  }

  /** As {@link call}, as soon as the guest does not run: it may have called the engine, which has an answer at once. */
  post(name: string, ...values: readonly Crossing[]): void {
    if (this.#isRunning) this.#posted.push([name, ...values]);
    else this.call(name, ...values);
  }

  #call(name: string, values: readonly Crossing[]): Crossing {
    let address = this.#entries.get(name);
    if (address === undefined) {
      address = this.#find(name);
      this.#entries.set(name, address);
    }
    return this.bridge.call(address, values);
  }

  #find(name: string): number {
    const result = this.bridge.allocate(VALUE_SIZE);
    this.bridge.withName(name, (pointer) => this.bridge.exports.bridge_entry(result, pointer));
    return result;
  }
}

/** The functions by name, with the numbers they got: always the same ones, for snapshots hold them. */
const registerAll = (bridge: Bridge, { plain, raw }: EngineFunctions): [name: string, number: number][] => [
  ...Object.entries(plain).map(([name, each]): [string, number] => [name, bridge.register(each)]),
  ['setEntries', bridge.registerRaw((_, values) => bridge.exports.bridge_keep_entries(values))],
  ...Object.entries(raw).map(([name, each]): [string, number] => [name, bridge.registerRaw(each)]),
];

const restoreImage = async (image: MemoryImage, options: QuickJSOptions): Promise<QuickJS> => {
  const { state, size } = image;
  // It is made as large as the image and stays empty; all that it sets in the memory is to be set again.
  const vm = await QuickJS.restore({ ...state, memory: emptyMemory(size) }, options);
  const { exports } = internalsOf(vm);
  image.become(exports.memory);
  if (options.memoryLimit !== undefined) exports.qjs_set_memory_limit(options.memoryLimit);
  return vm;
};

/** Stands for a memory that is to be made so large, and of which nothing is to be copied. */
const emptyMemory = (size: number): Uint8Array =>
  Object.defineProperty(new Uint8Array(0), 'byteLength', { value: size });

const start = async (
  make: (options: QuickJSOptions) => Promise<QuickJS>,
  { quickjs, bridge: bridgeModule, extensions }: GuestParts,
  limits: GuestLimits,
): Promise<{ vm: QuickJS; bridge: Bridge }> => {
  let bridge: Bridge | undefined;
  const vm = await make({
    wasm: quickjs,
    memoryLimit: limits.memory,
    wasi: () => ({
      wasmrun_call: (number: number, count: number, values: number, result: number) =>
        bridge!.onCall(number, count, values, result),
    }),
    extensions: [...extensions, { name: BRIDGE, wasm: bridgeModule }],
  });
  const { exports, loadedExtensions } = internalsOf(vm);
  const loaded = loadedExtensions.find(({ name }) => name === BRIDGE)!;
  const bridgeExports = loaded.instance.exports as unknown as BridgeExports;
  // In the order of the table; a snapshot has memory alone.
  exports.promise_calls.set(0, bridgeExports.then_in_context);
  exports.promise_calls.set(1, bridgeExports.enqueue_in_context);
  bridge = new Bridge(exports, bridgeExports);
  return { vm, bridge };
};
