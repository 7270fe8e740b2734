/**
 * Changes to modules of Node's own library, made on their text as they are loaded. Each says why; one whose place is
 * not found any more is an error, so that another version of Node is noticed.
 */
import { host } from './host.ts';

interface Patch {
  readonly find: string;
  /** Everything from `find` up to this is replaced. */
  readonly until?: string;
  readonly replacement: string;
}

const PATCHES: Readonly<Record<string, readonly Patch[]>> = {
  // Its parser is WebAssembly, which QuickJS has not: the engine parses for it.
  'internal/deps/undici/undici': [
    {
      find: `let mod;
      let useWasmSIMD = process.arch !== "ppc64";`,
      replacement: `let mod = true;
      let useWasmSIMD = false;`,
    },
    {
      find: 'new WebAssembly.Instance(mod, {',
      replacement: "internalBinding('client_parser').instantiate({",
    },
    // There is no HTTP/2: a server that is offered it would take it.
    {
      find: 'allowH2 = allowH2 != null ? allowH2 : true;',
      replacement: 'allowH2 = false;',
    },
  ],
  // There is one global object: expressions of another one would only keep `RegExp.$1` as it was.
  'internal/util': [
    {
      find: `internalGlobal = runInNewContext('this', undefined, { contextName: 'internal' });`,
      replacement: 'internalGlobal = globalThis;',
    },
  ],
  // A snapshot knows nothing of the app's flags.
  _http_common: [
    {
      find: `const insecureHTTPParser = getOptionValue('--insecure-http-parser');`,
      replacement: 'let insecureHTTPParser;',
    },
    {
      find: 'function isLenient() {',
      replacement: `function isLenient() {
  insecureHTTPParser ??= getOptionValue('--insecure-http-parser');`,
    },
  ],
  // One question to the engine for each file, instead of one for each directory above it.
  'internal/modules/helpers': [
    {
      find: `fs.realpathSync(requestPath, {
    [internalFS.realpathCacheKey]: realpathCache,
  }),`,
      replacement: `internalFsBinding.modulePath(requestPath) ?? fs.realpathSync(requestPath),`,
    },
    {
      find: `readFileSync: (filename, options) => fs.readFileSync(filename, options),`,
      replacement: `readFileSync: (filename, options) =>
    (options === 'utf8' && typeof filename === 'string' ? internalFsBinding.moduleText(filename) : undefined) ??
      fs.readFileSync(filename, options),`,
    },
  ],
  // Who looks at what is loaded expects bytes; nobody else does.
  'internal/modules/esm/load': [
    {
      find: `source = loaderMethods.readFileSync(url);`,
      replacement: `source = (require('internal/modules/customization_hooks').loadHooks.length === 0 && !url.pathname.endsWith('.wasm') ?
      internalBinding('fs').moduleText(require('internal/url').fileURLToPath(url)) : undefined) ??
      loaderMethods.readFileSync(url);`,
    },
  ],
  // Every callback goes through these: native/async-ids.c. Of their names some begin other names.
  'internal/async_hooks': [
    {
      find: `const { registerDestroyHook } = async_wrap;`,
      replacement: `const { registerDestroyHook } = async_wrap;
const {
  newAsyncId, getDefaultTriggerAsyncId, pushAsyncContext, popAsyncContext,
  emitBefore: emitBeforeScript, emitAfter: emitAfterScript, emitDestroy: emitDestroyScript,
} = async_wrap;`,
    },
    {
      find: `    emitHookFactory(promise_resolve_symbol, 'emitPromiseResolveNative');`,
      replacement: `    emitHookFactory(promise_resolve_symbol, 'emitPromiseResolveNative');
async_wrap.useHooks(emitBeforeNative, emitAfterNative);`,
    },
    { find: 'function newAsyncId() {', until: 'function getOrSetAsyncId(', replacement: '' },
    {
      find: 'function getDefaultTriggerAsyncId() {',
      until: 'function clearDefaultTriggerAsyncId(',
      replacement: '',
    },
    { find: 'function emitBeforeScript(', until: 'function hasAsyncIdStack(', replacement: '' },
    { find: 'function pushAsyncContext(', until: 'function executionAsyncId(', replacement: '' },
    // The resource is known there.
    {
      find: `  const index = async_hook_fields[kStackLength] - 1;
  execution_async_resources[index] = resource;`,
      replacement: '',
    },
    {
      find: `  execution_async_resources.pop();
  return result;`,
      replacement: '  return result;',
    },
  ],
  'internal/async_context_frame': [
    {
      find: `    AsyncContextFrame.current = activeCurrent;
    AsyncContextFrame.set = activeSet;
    AsyncContextFrame.exchange = activeExchange;`,
      replacement: `    AsyncContextFrame.current = getContinuationPreservedEmbedderData;
    AsyncContextFrame.set = setContinuationPreservedEmbedderData;
    AsyncContextFrame.exchange = setContinuationPreservedEmbedderData;`,
    },
  ],
  // Calls of nextTick and their queue: native/ticks.c.
  'internal/process/task_queues': [
    {
      find: 'const queue = new FixedQueue();',
      replacement: `const { nextTick, useTicks, hasTicks, runTicks } = internalBinding('task_queue');`,
    },
    {
      find: '  let tock;\n',
      until: '    runMicrotasks();\n  } while',
      replacement: '  do {\n    runTicks();\n',
    },
    { find: '(!queue.isEmpty() ||', replacement: '(hasTicks() ||' },
    {
      find: 'function nextTick(callback) {',
      until: 'function runMicrotask() {',
      replacement: `useTicks(
  validateFunction,
  (asyncId, triggerAsyncId, frame, callback, args) => ({
    [async_id_symbol]: asyncId,
    [trigger_async_id_symbol]: triggerAsyncId,
    [async_context_frame]: frame,
    callback,
    args,
  }),
  emitInit,
);

`,
    },
  ],
  // A call without a list of its values.
  'internal/errors': [
    {
      find: '  function wrappedFn(...args) {',
      until: '  wrappedFn.withoutStackTrace = fn;',
      replacement: `  const wrappedFn = internalBinding('errors').hideFrames(fn, (error) => {
    Error.stackTraceLimit && ErrorCaptureStackTrace(error, wrappedFn);
  });
`,
    },
  ],
  // The parser of TypeScript is WebAssembly, which the guest has not: the engine parses.
  'internal/modules/typescript': [
    {
      find: `assertTypeScript();
  const amaro = require('internal/deps/amaro/dist/index');
  return amaro.transformSync;`,
      replacement: `return internalBinding('typescript').transformSync;`,
    },
  ],
};

/** The text of a module with its changes; undefined where it has none. */
export const patchedModule = (id: string): string | undefined => {
  const patches = PATCHES[id];
  if (patches === undefined) return undefined;
  let source = host.librarySource(id)!;
  for (const patch of patches) source = patched(id, source, patch);
  return source;
};

const patched = (id: string, source: string, { find, until, replacement }: Patch): string => {
  const start = source.indexOf(find);
  const end = until === undefined ? start + find.length : source.indexOf(until, start);
  if (start < 0 || end < 0) throw new Error(`node:${id} has no ${JSON.stringify(find)} to change`);
  return source.slice(0, start) + replacement + source.slice(end);
};
