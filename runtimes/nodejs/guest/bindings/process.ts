/** `internalBinding('process_methods')`, `('credentials')` and `('report')`: what `process` is made of. */
import type { Binding } from '../binding-shape.ts';
import { engine, symbols } from '../constants.ts';
import { host } from '../host.ts';
import { launched } from '../launch.ts';
import { check } from '../system-error.ts';
import { activeHandles } from './handles.ts';
import { activeTimers } from './timers.ts';

const OWNER = symbols['owner_symbol']!;
const NANOSECONDS_PER_MS = 1e6;

const ENGINE_NAME = 'node';
/** Where programs expect an interpreter; nothing is there. */
const EXEC_PATH = '/usr/local/bin/node';

const refuse =
  (what: string): (() => never) =>
  () => {
    throw Object.assign(new Error(`${what} is not available in a sandbox of wasmrun`), {
      code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM',
    });
  };

/** Bytes the app may use besides those the guest's memory has already. */
export const availableMemory = (): number => Math.max(0, launched().memory - host.memoryUsage()[1]);

const patchProcessObject = (process: Record<string, unknown>): void => {
  const { argv, execArgv, env } = launched();
  Object.assign(process, {
    title: ENGINE_NAME,
    version: engine.version,
    versions: engine.versions,
    release: engine.release,
    arch: 'wasm32',
    platform: 'linux',
    argv: [...argv],
    execArgv: [...execArgv],
    env: { ...env },
    pid: 1,
    ppid: 0,
    execPath: EXEC_PATH,
    debugPort: 0,
  });
};

export const createProcessMethods = (): Binding => {
  const buffer = new ArrayBuffer(12);
  const words = new Uint32Array(buffer);
  return {
    hrtimeBuffer: words,
    // The seconds as two words, then the nanoseconds (node_process_methods.cc).
    hrtime: () => {
      const now = host.now();
      const seconds = Math.floor(now / 1000);
      words[0] = Math.floor(seconds / 2 ** 32);
      words[1] = seconds >>> 0;
      words[2] = Math.floor((now % 1000) * NANOSECONDS_PER_MS);
    },
    hrtimeBigInt: () => {
      new BigInt64Array(buffer, 0, 1)[0] = BigInt(Math.floor(host.now() * NANOSECONDS_PER_MS));
    },
    uptime: () => host.now() / 1000,
    cwd: () => launched().cwd,
    chdir: (directory: string) => {
      launched().cwd = check(host.changeDirectory(directory), 'chdir', launched().cwd, directory);
    },
    umask: () => 0o22,
    memoryUsage: (into: Float64Array) => into.set(host.memoryUsage()),
    rss: () => host.memoryUsage()[0],
    constrainedMemory: () => launched().memory,
    availableMemory,
    cpuUsage: (into: Float64Array) => into.set(host.cpuUsage()),
    threadCpuUsage: (into: Float64Array) => into.set(host.cpuUsage()),
    resourceUsage: (into: Float64Array) => into.fill(0).set(host.cpuUsage()),
    _getActiveRequests: () => [],
    _getActiveHandles: () => activeHandles().map((handle) => handle[OWNER] ?? handle),
    getActiveResourcesInfo: () => {
      const [timeouts, immediates] = activeTimers();
      return [
        ...activeHandles().map(({ resourceName }) => resourceName),
        ...Array.from({ length: timeouts }, () => 'Timeout'),
        ...Array.from({ length: immediates }, () => 'Immediate'),
      ];
    },
    _kill: (pid: number, signal: number) => host.kill(pid, signal),
    _rawDebug: (text: string) => host.printText(2, `${text}\n`),
    reallyExit: (status: number) => host.exit(status),
    abort: () => host.exit(134),
    dlopen: refuse('A native addon (process.dlopen)'),
    dlopenBinary: refuse('A native addon (process.dlopen)'),
    execve: refuse('process.execve'),
    patchProcessObject,
    setEmitWarningSync: () => undefined,
    loadEnvFile: refuse('process.loadEnvFile'),
    resetStdioForTesting: () => undefined,
    causeSegfault: refuse('process.causeSegfault'),
    _debugProcess: refuse('The debugger'),
    _debugEnd: () => undefined,
  };
};

/** Identity in the sandbox: nobody, whoever the engine runs as. */
const NOBODY = 65_534;

export const createCredentials = (): Binding => ({
  implementsPosixCredentials: true,
  safeGetenv: (name: string) => launched().env[name],
  getTempDir: () => launched().env['TMPDIR'] ?? '/tmp',
  getuid: () => NOBODY,
  geteuid: () => NOBODY,
  getgid: () => NOBODY,
  getegid: () => NOBODY,
  getgroups: () => [NOBODY],
});
