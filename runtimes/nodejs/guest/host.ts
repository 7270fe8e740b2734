/** Functions of the engine that the guest can call; the engine's halves are in ../engine. */

import type { Answer } from './native-answers.ts';

/** Bytes the engine gives are the guest's own; those it gets it only looks at during the call. */
export interface Host {
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
  freeNative(number: number): void;
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
  /** Nine positions, then the URL, with spaces between; undefined for what is none. */
  parseUrl(input: string, base?: string): string | undefined;
  updateUrl(href: string, part: number, value: string): string | undefined;
  formatUrl(href: string, hash: boolean, unicode: boolean, search: boolean, auth: boolean): string;
  pathToFileUrl(path: string, isWindows: boolean, base?: string): string;
  /** JSON of the variables in a text like that of an `.env` file. */
  parseEnv(text: string): string;
  /** Promises that were rejected, or handled after all, since the last call; the oldest first. */
  nextRejection(): readonly [promise: unknown, reason: unknown, isHandled: boolean] | undefined;
  /** The next time the timers are due, in milliseconds; one that is not `isRef` keeps nobody waiting. */
  setTimer(milliseconds: number, isRef: boolean): void;
  refTimer(isRef: boolean): void;
  refImmediate(isRef: boolean): void;
  /** The guest is entered again as soon as it has returned. */
  wake(): void;
  /** 0 for a file, 1 for a directory, a negative error number of libuv otherwise. */
  statKind(path: string): number;
  /** The text of a file; undefined where it cannot be read. */
  readFileText(path: string): string | undefined;
  /** Without symbolic links. Throws where a part is missing. */
  realPath(path: string): string;
  sleep(milliseconds: number): void;
  printText(fd: number, text: string): void;
  /** A handle type of lib/internal/util.js. */
  handleType(fd: number): string;
  changeDirectory(directory: string): string;
  /** rss, heap total, heap used, external, array buffers; bytes. */
  memoryUsage(): readonly [number, number, number, number, number];
  /** Of user and system, in µs. */
  cpuUsage(): readonly [number, number];
  kill(pid: number, signal: number): number;
  /** A number for what kind of object it is, whatever its prototype says; 0 for what is none. */
  classOf(value: unknown): number;
  /** The text between two positions, or undefined where it is not ASCII alone. */
  asciiSlice(bytes: Uint8Array, start: number, end: number): string | undefined;
  /** -1: not a promise; 0 pending, 1 fulfilled, 2 rejected; with its result. */
  promise(value: unknown): readonly [state: number, result: unknown];
  isProxy(value: unknown): boolean;
  proxyParts(value: object): readonly [target: unknown, handler: unknown];
  /** Runs the jobs of promises until none is left. */
  runMicrotasks(): void;
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
