/**
 * Brings Node's own JavaScript library up on the bindings, in the order the C++ side of Node has (node_realm.cc,
 * api/environment.cc): what is the same for every realm, the loader of its modules, then `process` and the globals.
 */
import { compileAhead, compileBuiltin } from './bindings/builtins.ts';
import { bindings } from './bindings/index.ts';
import { useProcess } from './bindings/task-queue.ts';
import { lazily } from './bindings/util.ts';
import { completeBinding, shapedBinding } from './binding-shape.ts';
import type { Binding } from './binding-shape.ts';
import { engine, privateSymbols, symbols } from './constants.ts';
import { host } from './host.ts';
import { perContext } from './per-context.ts';

/** What starts an app. */
const MAIN = 'internal/main/run_main_module';
/** What programs of the library are compiled with (node_builtins.cc). */
const MAIN_PARAMETERS = 'process, require, internalBinding, primordials';

type Require = (id: string) => Record<string, never>;

interface Loader {
  readonly internalBinding: (name: string) => Binding;
  readonly require: Require;
}

export interface Library extends Loader {
  readonly process: NodeJS.Process & Record<PropertyKey, unknown>;
  readonly primordials: object;
  /** Runs the app. */
  runMain(): void;
}

/** Bindings given out so far; each is completed with what the library might look for besides. */
const givenOut = new Map<string, Binding>();

const getInternalBinding = (name: string): Binding => {
  let binding = givenOut.get(name);
  if (binding === undefined) {
    const own = bindings[name]?.();
    binding = own === undefined ? shapedBinding(name) : completeBinding(name, own);
    givenOut.set(name, binding);
  }
  return binding;
};

/** Programs see the name of the constructor; the library gives the prototype its methods. */
const ProcessConstructor = { process: function process(): void {} }.process;

const createProcess = (): Library['process'] => {
  const prototype = Object.create(null, {
    constructor: { value: ProcessConstructor, configurable: true, writable: true },
  }) as object;
  const process = Object.create(prototype) as Library['process'];
  process[privateSymbols['exit_info_private_symbol']!] = new Int32Array(3);
  const { version, versions, release } = engine;
  // Modules of the library look at some of it as soon as they are loaded. The app's environment comes later.
  Object.assign(process, { version, versions, release, arch: 'wasm32', platform: 'linux', env: {} });
  return process;
};

const BOOTSTRAP = [
  'internal/bootstrap/node',
  'internal/bootstrap/web/exposed-wildcard',
  'internal/bootstrap/web/exposed-window-or-worker',
  'internal/bootstrap/switches/is_main_thread',
  'internal/bootstrap/switches/does_own_process_state',
] as const;

/** What nearly every server needs: loaded before the snapshot is taken. */
const PRELOADED = [
  'internal/process/pre_execution',
  'internal/modules/cjs/loader',
  'internal/modules/run_main',
  'internal/modules/esm/loader',
  'internal/modules/esm/resolve',
  'internal/modules/esm/get_format',
  'internal/modules/esm/load',
  'internal/encoding',
  'internal/encoding/single-byte',
  'internal/encoding/util',
  'internal/file',
  'internal/source_map/source_map_cache_map',
  'internal/source_map/source_map_cache',
  'internal/fs/promises',
  'internal/fs/streams',
  'internal/fs/sync_write_stream',
  'internal/dns/utils',
  'internal/process/signal',
  'internal/streams/fast-utf8-stream',
  'internal/util/inspector',
  'async_hooks',
  // Whatever listens asks this one whether it may.
  'cluster',
  'crypto',
  'dgram',
  'dns',
  'fs',
  'fs/promises',
  'http',
  'https',
  'net',
  'os',
  'path',
  'querystring',
  'stream',
  'stream/promises',
  'string_decoder',
  'timers/promises',
  'tty',
  'url',
  'util',
  'zlib',
] as const;

/**
 * What many need, and ES modules that import `node:http` always: undici, and what that requires. It looks at the app's
 * environment or terminal as it is loaded, so it is only compiled before the snapshot is taken.
 */
const COMPILED = [
  'internal/assert/assertion_error',
  'internal/assert/myers_diff',
  'internal/assert/utils',
  'internal/deps/undici/undici',
  'internal/errors/error_source',
  'internal/histogram',
  'internal/http2/compat',
  'internal/http2/core',
  'internal/http2/util',
  'internal/perf/event_loop_delay',
  'internal/perf/event_loop_utilization',
  'internal/perf/nodetiming',
  'internal/perf/performance',
  'internal/perf/resource_timing',
  'internal/perf/timerify',
  'internal/perf/usertiming',
  'internal/util/colors',
  'internal/webstreams/adapters',
  'internal/webstreams/compression',
  'internal/webstreams/encoding',
  'internal/webstreams/queuingstrategies',
  'internal/webstreams/readablestream',
  'internal/webstreams/transformstream',
  'internal/webstreams/util',
  'internal/webstreams/writablestream',
  'internal/worker',
  'internal/worker/io',
  'internal/worker/messaging',
  'assert',
  'http2',
  'perf_hooks',
  'stream/web',
  'worker_threads',
] as const;

export const bootLibrary = (): Library => {
  const primordials = {};
  const process = createProcess();
  for (const name of ['primordials', 'domexception', 'messageport']) {
    host.compileLibrary(
      'exports, primordials, privateSymbols, perIsolateSymbols',
      `internal/per_context/${name}`,
    )(perContext, primordials, privateSymbols, symbols);
  }
  let loader: Loader | undefined;
  getInternalBinding('builtins')['setInternalLoaders'] = (
    internalBinding: Loader['internalBinding'],
    require: Require,
  ) => {
    loader = { internalBinding, require };
  };
  host.compileLibrary(
    'process, getLinkedBinding, getInternalBinding, primordials',
    'internal/bootstrap/realm',
  )(
    process,
    (name: string) => {
      throw new Error(`No such binding: ${name}`);
    },
    getInternalBinding,
    primordials,
  );
  const { internalBinding, require } = loader!;
  lazily.requireLibrary = require;
  useProcess(process);
  const runProgram = (id: string): void => {
    compileBuiltin(id, MAIN_PARAMETERS)(process, require, internalBinding, primordials);
  };
  for (const id of BOOTSTRAP) runProgram(id);
  for (const id of PRELOADED) require(id);
  compileAhead(MAIN, MAIN_PARAMETERS);
  for (const id of COMPILED) compileAhead(id);
  return { process, primordials, internalBinding, require, runMain: () => runProgram(MAIN) };
};
