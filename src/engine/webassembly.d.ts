/**
 * The part of the WebAssembly JavaScript interface (W3C, "WebAssembly JavaScript Interface") that the
 * engine uses. TypeScript declares it only together with the whole browser, Node's types not at all.
 */
declare namespace WebAssembly {
  type ImportExportKind = 'function' | 'global' | 'memory' | 'table' | 'tag';
  interface ModuleImportDescriptor {
    readonly module: string;
    readonly name: string;
    readonly kind: ImportExportKind;
  }
  interface ModuleExportDescriptor {
    readonly name: string;
    readonly kind: ImportExportKind;
  }
  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): ModuleImportDescriptor[];
    static exports(module: Module): ModuleExportDescriptor[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Table {
    constructor(descriptor: { element: 'anyfunc'; initial: number; maximum?: number });
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value: unknown): void;
    grow(count: number): number;
  }
  class Global<Type extends 'i32' = 'i32'> {
    constructor(descriptor: { value: Type; mutable: boolean }, value: number);
    value: number;
  }
  /** What a guest's exceptions are told apart by (exception handling proposal). */
  interface Tag {
    readonly [Symbol.toStringTag]: string;
  }
  const Tag: new (descriptor: { parameters: readonly string[] }) => Tag;
  type HostFunction = (...args: never[]) => unknown;
  /** A function whose promise suspends the guest's stack (JavaScript Promise Integration). */
  interface Suspending {
    readonly [Symbol.toStringTag]: string;
  }
  const Suspending: new (implementation: HostFunction) => Suspending;
  /** A function of a guest, called on a stack of its own that may be suspended. */
  function promising<Parameters extends unknown[], Result>(
    implementation: (...args: Parameters) => Result,
  ): (...args: Parameters) => Promise<Result>;
  type Imports = Record<string, Record<string, HostFunction | Suspending | Memory | Table | Global | Tag>>;
  class Instance {
    constructor(module: Module, imports: Imports);
    readonly exports: Record<string, unknown>;
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
  /** What a guest throws (exception handling proposal); no Error. */
  class Exception {
    private constructor();
    readonly stack?: string;
  }
}
