/** Functions of the engine that the guest can call; the engine's halves are in ../engine. */

import type { FileHost } from './file-host.ts';
import type { HttpParserHost } from './http-parser-host.ts';
import type { Answer } from './native-answers.ts';

/** Name, main, type, imports, exports, file of a `package.json`; see engine/module-functions.ts. */
export type PackageConfig = readonly [
  name: string | undefined,
  main: string | undefined,
  type: string,
  imports: string | undefined,
  exports: string | undefined,
  file: string,
];
export interface TypeScriptProblem {
  readonly code: string;
  readonly message: string;
  readonly startLine: number;
  readonly snippet: string;
}
/** Where QuickJS keeps a module. */
export type ModuleAddress = number;
/** What is wrong with a text; the place as Node shows it, with the line itself. */
export type SyntaxProblem = readonly [message: string, arrow: string | null];

/** Bytes the engine gives are the guest's own; those it gets it only looks at during the call. */
export interface Host extends FileHost, HttpParserHost {
  /** Text of a module of Node's library. */
  librarySource(id: string): string | undefined;
  /** A function with these parameters, its body a module of Node's library. */
  compileLibrary(parameters: string, id: string): (...values: unknown[]) => unknown;
  /** A function with these parameters; positions in errors are those in `body`. */
  compile(parameters: string, body: string, filename: string): (...values: unknown[]) => unknown;
  /** What a binding of the engine's own Node looks like, as JSON: see engine/binding-shapes.ts. */
  bindingShape(name: string): string;
  /** Constants of the engine's own Node, as JSON. */
  constants(): string;
  /** What the app is started with, as JSON. */
  launch(): string;
  /** Milliseconds since the engine started, with fractions. */
  now(): number;
  write(fd: number, bytes: Uint8Array): number;
  random(length: number): Uint8Array;
  randomFill(bytes: Uint8Array): void;
  /** A function of `internalBinding('crypto')`. */
  cryptoCall(name: string, ...values: unknown[]): Answer;
  /** An object of a class of it: its number, then what made it returned. */
  cryptoMake(className: string, ...values: unknown[]): Answer;
  cryptoMethod(number: number, name: string, ...values: unknown[]): Answer;
  /** Runs a job; its error, then its result. */
  cryptoJob(name: string, ...values: unknown[]): Answer;
  /** Has a thread run it; `jobDone` is called with the number and the same answer. */
  cryptoStart(number: number, name: string, ...values: unknown[]): Answer;
  /** A number for a connection of TLS; `waits`: it may not send yet. See engine/tls-functions.ts. */
  tlsOpen(context: number, isServer: boolean, waits: boolean): Answer;
  /** What a method of it returned, then what has happened. `askTls` is called meanwhile. */
  tlsCall(number: number, name: string, ...values: unknown[]): Answer;
  /** What contexts trust that are told nothing else. */
  setRootCertificates(...certificates: unknown[]): Answer;
  userRootCertificates(): Answer;
  freeNative(number: number): void;
  /** Frees objects that only hold each other. */
  collectGarbage(): void;
  /** A compressor or decompressor of `internalBinding('zlib')`; parameters by class, see engine/zlib-functions.ts. */
  zlibMake(className: string, ...values: unknown[]): Answer;
  /**
   * Works on the input until it or the room in the output is used up; what is left of both is put into `left`, 32 bits
   * each. Answers message, number and code of an error.
   */
  zlibWrite(number: number, flush: number, input: Uint8Array, output: Uint8Array, left: Uint8Array): Answer;
  zlibReset(number: number): Answer;
  zlibParams(number: number, level: number, strategy: number): Answer;
  // `Intl`: locales and options as JSON. See engine/intl-functions.ts.
  /** A number for an object of a class of `Intl`. */
  intlMake(className: string, locales?: string, options?: string): Answer;
  intlCall(number: number, member: string, ...values: unknown[]): Answer;
  /** Two numbers of 32 bits for each segment. */
  intlSegment(number: number, text: string): Answer;
  intlSupported(className: string, locales?: string, options?: string): Answer;
  intlCanonical(locales?: string): Answer;
  intlValues(key: string): Answer;
  intlText(name: string, value: unknown, locales?: string, options?: string): Answer;
  intlCompare(a: string, b: string, locales?: string, options?: string): Answer;
  setTimeZone(name: string): void;
  icuErrorName(error: number): string;
  icuTranscode(bytes: Uint8Array, from: string, to: string): Uint8Array | number;
  icuStringWidth(text: string, isAmbiguousWide: boolean, expandsEmoji: boolean): number;
  /** 0 for an encoding that is not known. */
  icuConverter(encoding: string, flags: number): number;
  icuDecode(number: number, bytes: Uint8Array, flags: number, encoding: string): Answer;
  /** A number for a histogram. */
  histogramMake(
    lowest: number,
    highest: number,
    figures: number,
    halfLife: number,
    threshold: number,
  ): Answer;
  histogramCall(number: number, method: string, ...values: unknown[]): Answer;
  crc32(data: string | Uint8Array, value: number): number;
  hash(algorithm: string, data: string | Uint8Array, encoding?: string, outputEncoding?: string): Answer;
  hmac(
    algorithm: string,
    key: unknown,
    data: string | Uint8Array,
    encoding?: string,
    outputEncoding?: string,
  ): Answer;
  oneShotDigest(algorithm: string, data: unknown, outputEncoding: string, ...others: unknown[]): Answer;
  encodeText(text: string, encoding: string): Uint8Array;
  decodeText(bytes: Uint8Array, encoding: string): string;
  /** How many bytes it wrote. */
  writeText(bytes: Uint8Array, text: string, offset: number, length: number, encoding: string): number;
  /** The bytes, or a negative number that says what is wrong (as `internalBinding('buffer').atob` does). */
  decodeBase64(text: string): Uint8Array | number;
  utf8Length(text: string): number;
  compareBytes(a: Uint8Array, b: Uint8Array): number;
  indexOfBytes(
    buffer: Uint8Array,
    value: Uint8Array,
    offset: number,
    forward: boolean,
    end: number,
    encoding: string,
  ): number;
  indexOfByte(buffer: Uint8Array, value: number, offset: number, forward: boolean, end: number): number;
  isUtf8(bytes: Uint8Array): boolean;
  isAscii(bytes: Uint8Array): boolean;
  decodeUtf8(bytes: Uint8Array, ignoreBOM: boolean, fatal: boolean): string;
  domainToASCII(domain: string): string;
  domainToUnicode(domain: string): string;
  /** Names by the rules for internationalized ones alone, not as hosts of URLs. */
  idnaToASCII(domain: string): string;
  idnaToUnicode(domain: string): string;
  /** Nine positions, then the URL, with spaces between; undefined for what is none. */
  parseUrl(input: string, base?: string): string | undefined;
  updateUrl(href: string, part: number, value: string): string | undefined;
  formatUrl(href: string, hash: boolean, unicode: boolean, search: boolean, auth: boolean): string;
  pathToFileUrl(path: string, isWindows: boolean, base?: string): string;
  /** JSON of a pattern's parts; it is known by the JSON of what `URLPattern` is given. Throws what that throws. */
  urlPatternParts(definition: string): string;
  /** `values`: JSON of what the method is given. */
  urlPatternTest(definition: string, values: string): boolean;
  /** JSON of the result; undefined where nothing matches. */
  urlPatternExec(definition: string, values: string): string | undefined;
  /** JSON of the variables in a text like that of an `.env` file. */
  parseEnv(text: string): string;
  /** The next time the timers are due, in milliseconds. */
  setTimer(milliseconds: number): void;
  /** Does the timer keep the app alive? */
  refTimer(isRef: boolean): void;
  refImmediate(isRef: boolean): void;
  /** The guest is entered again as soon as it has returned. */
  wake(): void;
  sleep(milliseconds: number): void;
  printText(fd: number, text: string): void;
  /** A handle type of lib/internal/util.js. */
  handleType(fd: number): string;
  /** rss, heap total, heap used, external, array buffers; bytes. */
  memoryUsage(): readonly [number, number, number, number, number];
  /** Of user and system, in µs. */
  cpuUsage(): readonly [number, number];
  kill(pid: number, signal: number): number;

  // The parser of undici: see bindings/client-parser.ts.
  clientParserAllocate(): number;
  clientParserFree(parser: number): void;
  clientParserResume(parser: number): void;
  /** An `llhttp_errno`, as of the next. */
  clientParserFinish(parser: number): number;
  clientParserExecute(parser: number, bytes: Uint8Array): number;
  /** Where in the chunk it stopped. */
  clientParserErrorOffset(parser: number): number;
  clientParserErrorReason(parser: number): string;

  // Handles. The engine calls back by the number it has given each: see main.ts.
  handleRef(id: number, isRef: boolean): void;
  handleClose(id: number): void;
  /** A number for what is open in the guest alone. */
  openLocal(): number;
  /** One more thing is under way on it, or one less (-1). */
  localActivity(id: number, change: 1 | -1): void;
  /** A number for one of the three standard streams. */
  openStandardStream(fd: number): number;
  streamRead(id: number, isOn: boolean): number;
  /** What is read goes to this parser (0: none) before the guest gets it. */
  streamConsumer(id: number, parser: number): void;
  /** Twice the number of bytes, plus one where they are not all gone yet; negative: an error of libuv. */
  streamWrite(id: number, bytes: Uint8Array): number;
  /** As UTF-8. */
  streamWriteText(id: number, text: string): number;
  streamWriteLatin1(id: number, text: string): number;
  /** 0: done; 1: as soon as all is written. */
  streamShutdown(id: number): number;
  /** A number for a bound socket, or an error; flags as in uv.h (uv_tcp_flags). */
  tcpBind(address: string, port: number, flags: number): number;
  tcpListen(id: number, backlog: number): number;
  /** Begins to connect the handle `id`, or a new one if that is 0, and returns its number, or an error. */
  tcpConnect(id: number, address: string, port: number): number;
  /** Family, port and address with spaces between, or an error. */
  tcpAddress(id: number, isPeer: boolean): string;
  /** For `tos`, -1 asks what it is. */
  tcpOption(id: number, option: 'nodelay' | 'keepalive' | 'tos', value: number): number;
  /** The peer is to see a reset; the handle has to be closed besides. */
  tcpReset(id: number): void;
  /** A number for a bound socket of UDP, or an error. */
  udpBind(address: string, port: number, flags: number): number;
  udpConnect(id: number, address: string, port: number): number;
  /** One more than the length where it has left, 0 where it will, or an error. */
  udpSend(id: number, bytes: Uint8Array, address: string | undefined, port: number): number;
  udpReceive(id: number, isOn: boolean): number;
  /** As `tcpAddress`. */
  udpAddress(id: number, isPeer: boolean): string;
  /** Sets an option, or tells what it is. */
  udpOption(id: number, name: string, value?: number): number;
  /** Columns and rows of the terminal. */
  windowSize(): [number, number];
  watchSignal(signal: number, isOn: boolean): void;
  lookUp(lookup: number, name: string): void;
  /** The address in the form of RFC 5952; undefined for what is none. */
  canonicalIp(address: string): string | undefined;
  ipv6Bytes(address: string): Uint8Array | undefined;
  /** A number for what kind of object it is, whatever its prototype says; 0 for what is none. */
  classOf(value: unknown): number;
  /** The text between two positions, or undefined where it is not ASCII alone. */
  asciiSlice(bytes: Uint8Array, start: number, end: number): string | undefined;
  /** -1: not a promise; 0 pending, 1 fulfilled, 2 rejected; with its result. */
  promise(value: unknown): readonly [state: number, result: unknown];
  isProxy(value: unknown): boolean;
  proxyParts(value: object): readonly [target: unknown, handler: unknown];
  /** The AsyncContextFrame of whatever runs now, which jobs of promises are given back. */
  currentFrame(): unknown;
  /** Returns the one before. */
  exchangeFrame(frame: unknown): unknown;
  /** Runs the jobs of promises until none is left; each begins and ends without a frame. */
  runMicrotasks(): void;
  /** Those of `internalBinding('async_wrap')`; none may throw. */
  setPromiseHooks(...hooks: readonly (((promise: object, parent?: object) => void) | undefined)[]): void;
  /** Called as soon as a promise is rejected that nobody handles; and when somebody does, after all. */
  setRejectionCallback(callback: (promise: unknown, reason: unknown, isHandled: boolean) => void): void;
  /** A function with these parameters; positions in errors are those in `body`, which begins in line `line`. */
  compileFunction(
    parameters: string,
    body: string,
    filename: string,
    line: number,
  ): (...values: unknown[]) => unknown;
  /** A function that runs a script; its value is that of the script. */
  compileScript(source: string, filename: string, line: number): () => unknown;
  /** A global object of its own with what the language has, and what compiles for it. */
  createRealm(): readonly [
    global: Record<PropertyKey, unknown>,
    evaluate: (source: string, filename: string, line: number) => unknown,
    compileFunction: Host['compileFunction'],
  ];
  // Which asynchronous operation runs: native/async-ids.c. Numbers and hooks are those of `internalBinding('async_wrap')`.
  /** Shares `async_hook_fields` and `async_id_fields`. */
  useAsyncIds(fields: Uint32Array, ids: Float64Array): void;
  /** Gives what tells hooks. */
  useAsyncHooks(
    before: (id: number, isPromiseHook: boolean) => void,
    after: (id: number) => void,
    queueDestroy: (id: number) => void,
  ): void;
  nextAsyncId(): number;
  /** What a new operation is triggered by. */
  triggerAsyncId(): number;
  pushAsyncContext(id: number, triggerId: number, resource: unknown): void;
  /** Whether there is still one. */
  popAsyncContext(): boolean;
  /** Pushes, then tells hooks if there are any; and the other way round. */
  emitBefore(id: number, triggerId: number, resource: unknown, isPromiseHook?: boolean): void;
  emitAfter(id: number): void;
  emitDestroy(id: number): void;
  clearAsyncContexts(): void;
  asyncContextResource(depth: number): unknown;
  // Ticks: native/ticks.c.
  /** Shares `tickInfo` and the fields of `process` about its end. */
  useTickInfo(tickInfo: Uint8Array, exitInfo: Int32Array): void;
  /**
   * @param validateFunction - throws for a callback that is no function, with the parameter's name
   * @param makeObject - what async_hooks knows a tick as
   * @param emitInit - tells hooks of a new tick
   */
  useTicks(
    validateFunction: (callback: unknown, name: string) => void,
    makeObject: (
      id: number,
      triggerId: number,
      frame: unknown,
      callback: unknown,
      values: unknown[] | undefined,
    ) => object,
    emitInit: (id: number, type: string, triggerId: number, tick: object) => void,
  ): void;
  /** `process.nextTick` */
  nextTick(callback: (...values: unknown[]) => unknown, ...values: unknown[]): void;
  hasTicks(): boolean;
  /** Until none is left. Stops at one that throws, with its error. */
  runTicks(): void;
  /** A function that does the same; `onError` is called with what it throws. */
  hideFrames<Callback>(callback: Callback, onError: (error: unknown) => void): Callback;
  /** What the latest call of a native function that has not returned yet has first. */
  argumentOf(callee: object): unknown;
  /** Gives QuickJS what finds modules: by which name it knows a request, and the module of a name. */
  setModuleHooks(
    resolve: (base: string, specifier: string, attributes: Record<string, string> | undefined) => string,
    load: (name: string) => ModuleAddress,
  ): void;
  /** Compiles an ES module. Throws what QuickJS finds wrong. */
  compileModule(name: string, source: string, line: number): ModuleAddress;
  /** A module without text; `steps` are its evaluation. */
  syntheticModule(name: string, exports: readonly string[], steps: () => void): ModuleAddress;
  /** Negative where it has no such export. */
  setModuleExport(module: ModuleAddress, name: string, value: unknown): number;
  evaluateModule(module: ModuleAddress): Promise<unknown>;
  /** Links what a module imports after one that throws. */
  linkModule(module: ModuleAddress): void;
  moduleNamespace(module: ModuleAddress): object;
  /** Its `import.meta`. */
  moduleMeta(module: ModuleAddress): object;
  /** Of enum JSModuleStatus; one more where it threw. */
  moduleStatus(module: ModuleAddress): number;
  moduleError(module: ModuleAddress): unknown;
  /** Whether the three above read the right places of this QuickJS. */
  checkModules(): boolean;
  /** The key of a property that only those see who have it. */
  privateSymbol(description: string): symbol;
  /** A rejection nobody has to handle. */
  ignoreRejection(promise: Promise<unknown>): void;
  /** 0 for a file, 1 for a directory; as in engine/module-tree.ts, which may not look again while nothing changes. */
  statKind(file: string): number;
  /** The text of a file; undefined where it cannot be read. */
  moduleText(file: string): string | undefined;
  /** Without symbolic links; undefined where a part is missing. */
  modulePath(file: string): string | undefined;
  /** The `package.json` at a path; undefined where none is, the path where it is not valid. */
  readPackage(file: string): PackageConfig | string | undefined;
  /** That of the directory of a path, or the nearest above. */
  nearestPackage(start: string): PackageConfig | string | undefined;
  /** That a URL belongs to; where there is none, the last path that was looked at, alone. */
  packageScope(url: string): PackageConfig | string | readonly [lastFile: string];
  /** What V8 says of a script, or of the body of a function with these parameters; undefined: it is right. */
  explainScript(source: string, parameters: string | undefined, filename: string): SyntaxProblem | undefined;
  /** The same for a CommonJS module; true where it can only be an ES module. */
  explainModule(source: string, filename: string, mayBeModule: boolean): SyntaxProblem | true | undefined;
  /** What V8 says of a text that is no JSON; undefined for one that is. */
  explainJson(text: string): string | undefined;
  /** What V8 reads in a module, as JSON; see guest/bindings/module-wrap.ts. */
  parseModule(url: string, source: string): string;
  /** What V8 says when it links modules, given as JSON, from that with a number on. */
  explainLinking(modules: string, root: number): SyntaxProblem | undefined;
  /** The names a CommonJS module exports and what it exports all of, as JSON. */
  parseCommonJs(source: string): string;
  /** JavaScript and its source map, or what is wrong as amaro tells it. */
  transformTypeScript(
    source: string,
    mode: 'strip-only' | 'transform',
    filename: string | undefined,
  ): readonly [code: string, map?: string] | TypeScriptProblem;
  /** The path a file URL means. */
  filePath(url: string): string;
  exit(status: number): never;
  /** Functions of the guest that the engine calls by name. */
  setEntries(entries: object): void;
}

interface GuestGlobal {
  __wasmrun?: Host & Record<string, unknown>;
}

const found = (globalThis as GuestGlobal).__wasmrun!;
delete (globalThis as GuestGlobal).__wasmrun;

export const host: Host = found;
