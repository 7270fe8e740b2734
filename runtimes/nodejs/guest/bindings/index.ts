/** The bindings of Node's library that the guest has, by name; each is made when it is first asked for. */
import { createAsyncContextFrame, createAsyncWrap } from '../async-context.ts';
import type { Binding } from '../binding-shape.ts';
import { createBlobs } from './blob.ts';
import { createBlockList } from './block-list.ts';
import { createBuffer } from './buffer.ts';
import { createBuiltins } from './builtins.ts';
import { createClientParser } from './client-parser.ts';
import { createContextify } from './contextify.ts';
import { createDns } from './dns.ts';
import { createDirectories } from './directories.ts';
import { createFileSystem } from './file-system.ts';
import { createFileEvents } from './file-watch.ts';
import { createHttpParser } from './http.ts';
import { createJsStream } from './js-stream.ts';
import { createMessaging } from './messaging.ts';
import { createIcu } from './icu.ts';
import { moduleFiles } from './module-files.ts';
import { createCjsLexer, createModuleWrap } from './module-wrap.ts';
import { createModules } from './modules.ts';
import { createCrypto } from './crypto.ts';
import { createOs } from './os.ts';
import { createPerformance } from './performance.ts';
import { createCredentials, createProcessMethods } from './process.ts';
import { createSerdes } from './serdes.ts';
import * as small from './small.ts';
import { createStreamWrap } from './streams.ts';
import { createStringDecoder } from './string-decoder.ts';
import { createErrors, createTaskQueue } from './task-queue.ts';
import { createTcp } from './tcp.ts';
import { createPipe } from './pipe.ts';
import { createSignal, createTty } from './terminal.ts';
import { createEncoding, createUrl } from './text.ts';
import { createTimers } from './timers.ts';
import { createTls } from './tls.ts';
import { createTypeScript } from './typescript.ts';
import { createUdp } from './udp.ts';
import { typeTests } from './types.ts';
import { createUrlPattern } from './url-pattern.ts';
import { createUtil } from './util.ts';
import { createZlib } from './zlib.ts';

export const bindings: Readonly<Record<string, () => Binding>> = {
  async_context_frame: createAsyncContextFrame,
  async_wrap: createAsyncWrap,
  blob: createBlobs,
  block_list: createBlockList,
  buffer: createBuffer,
  builtins: createBuiltins,
  cares_wrap: createDns,
  cjs_lexer: createCjsLexer,
  client_parser: createClientParser,
  config: small.createConfig,
  constants: small.createConstants,
  contextify: createContextify,
  credentials: createCredentials,
  crypto: createCrypto,
  diagnostics_channel: small.createDiagnosticsChannel,
  encoding_binding: createEncoding,
  errors: createErrors,
  fs: () => ({ ...createFileSystem(), ...moduleFiles }),
  fs_dir: createDirectories,
  fs_event_wrap: createFileEvents,
  http_parser: createHttpParser,
  icu: createIcu,
  inspector: small.createInspector,
  js_stream: createJsStream,
  messaging: createMessaging,
  module_wrap: createModuleWrap,
  modules: createModules,
  mksnapshot: small.createSnapshot,
  os: createOs,
  options: small.createOptions,
  performance: createPerformance,
  permission: small.createPermission,
  pipe_wrap: createPipe,
  process_methods: createProcessMethods,
  report: small.createReport,
  sea: small.createSea,
  serdes: createSerdes,
  signal_wrap: createSignal,
  stream_wrap: createStreamWrap,
  string_decoder: createStringDecoder,
  symbols: small.createSymbols,
  task_queue: createTaskQueue,
  tcp_wrap: createTcp,
  timers: createTimers,
  tls_wrap: createTls,
  trace_events: small.createTraceEvents,
  tty_wrap: createTty,
  typescript: createTypeScript,
  types: () => ({ ...typeTests }),
  udp_wrap: createUdp,
  url: createUrl,
  url_pattern: createUrlPattern,
  util: createUtil,
  uv: small.createUv,
  wasm_web_api: small.createWasmWebApi,
  worker: small.createWorker,
  zlib: createZlib,
};
