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
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  type HostFunction = (...args: never[]) => unknown;
  type Imports = Record<string, Record<string, HostFunction | Memory>>;
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
