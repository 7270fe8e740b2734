/** What the engine uses of PostgreSQL's module (rewrite/host-process.ts): C functions, and addresses of C variables. */
export interface BackendExports {
  readonly __wasm_call_ctors: () => void;
  readonly __main_argc_argv: (count: number, values: number) => number;
  readonly malloc: (size: number) => number;
  /** What it gives is freed with all that the command has allocated. */
  readonly palloc: (size: number) => number;
  readonly emscripten_builtin_memalign: (alignment: number, size: number) => number;
  readonly __errno_location: () => number;
  readonly setThrew: (threw: number, value: number) => void;
  /** raise(3): runs what the process has said to do for a signal. */
  readonly raise: (signal: number) => number;
  /** A timer of setitimer(2) has run down; `now` in ms. */
  readonly _emscripten_timeout: (which: number, now: number) => void;
  /** Functions, by their places in the table, that read from and write to the client. */
  readonly pgl_set_rw_cbs: (read: number, write: number) => void;
  readonly pgl_set_system_fn: (call: number) => void;
  readonly pgl_set_popen_fn: (call: number) => void;
  readonly pgl_set_pclose_fn: (call: number) => void;
  /** Whether leaving main() leaves the process. */
  readonly pgl_setPGliteActive: (isActive: number) => number;
  /** What lies between PostgreSQL's own start and its first command. */
  readonly pgl_startPGlite: () => void;
  readonly pgl_getMyProcPort: () => number;
  /** Tells the client that it is in, and the parameters it is to know. */
  readonly pgl_sendConnData: () => void;
  readonly pgl_pq_flush: () => void;
  readonly pgl_run_atexit_funcs: () => void;
  readonly StartTransactionCommand: () => void;
  readonly CommitTransactionCommand: () => void;
  /** Sets what is named, as somebody of `context` may (guc.h, `GucContext`), for a reason (`GucSource`). */
  readonly SetConfigOption: (name: number, value: number, context: number, source: number) => void;
  /** Address of what a parameter is set to, a number in its own unit: of a text that is good until the next call. */
  readonly GetConfigOption: (name: number, isMissingOk: number, isRestricted: number) => number;
  /** Begins an error (elog.h), says what it is, and jumps to where it is caught. */
  readonly errstart: (level: number, domain: number) => number;
  readonly errcode: (code: number) => number;
  /** Formats as printf(3) does, with a list of arguments in memory. */
  readonly errmsg: (format: number, values: number) => number;
  readonly errfinish: (file: number, line: number, functionName: number) => void;
  /** Whether the user may do anything. */
  readonly superuser: () => number;
  /** Reads the start-up packet; 0 if it is one. */
  readonly ProcessStartupPacket: (port: number, hasTls: number, hasGss: number) => number;
  readonly PostgresSendReadyForQueryIfNecessary: () => void;
  /** Reads a message of the client and does what it says. */
  readonly PostgresMainLoopOnce: () => void;
  /** What comes after an error that was not caught. */
  readonly PostgresMainLongJmp: () => void;
  /** Whether there is anything that ProcessInterrupts() is to look into. */
  readonly InterruptPending: WebAssembly.Global;
  /** What a process has of its own: its start, its random numbers. */
  readonly InitProcessGlobals: () => void;
  /** Takes an entry among the processes. */
  readonly InitProcess: () => void;
  /** Becomes a session, of a database and a user, up to its first command; never comes back. */
  readonly PostgresMain: (database: number, user: number) => void;
  /** Reads the files of settings again, as somebody of `context` may set them (guc.h, `GucContext`). */
  readonly ProcessConfigFile: (context: number) => void;
  readonly IsUnderPostmaster: WebAssembly.Global;
  /** Points to what wakes the process up. */
  readonly MyLatch: WebAssembly.Global;
  /** Points to the process's own entry. */
  readonly MyProc: WebAssembly.Global;
  readonly MyProcPid: WebAssembly.Global;
  readonly MyBackendType: WebAssembly.Global;
}
