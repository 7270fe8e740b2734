/**
 * Every failure a user can see is one `WasmrunError`: a stable `code` for programs, a sentence for
 * people, a hint that says what to do, and the exit status the command ends with.
 */

/** Exit statuses of the command itself; the guest's own status passes through unchanged. */
export const EXIT_STATUS = {
  /** wrong command-line usage */
  usage: 2,
  /** wasmrun itself failed (convention of `env`, `timeout`, `docker run`) */
  failed: 125,
  /** the app was found but cannot be run */
  notRunnable: 126,
  /** the app was not found */
  notFound: 127,
  /** 128 + SIGABRT (6): the guest trapped, as a native program that aborts */
  trapped: 134,
} as const;

const CODES = {
  USAGE: EXIT_STATUS.usage,
  INTERNAL: EXIT_STATUS.failed,
  UNSUPPORTED_PLATFORM: EXIT_STATUS.failed,
  PERMISSION_DENIED: EXIT_STATUS.failed,
  CONFIG_INVALID: EXIT_STATUS.usage,
  CONFIG_UNREADABLE: EXIT_STATUS.failed,
  FORWARD_INVALID: EXIT_STATUS.usage,
  FORWARD_DUPLICATE: EXIT_STATUS.usage,
  BIND_INVALID: EXIT_STATUS.usage,
  EGRESS_INVALID: EXIT_STATUS.usage,
  PEER_INVALID: EXIT_STATUS.usage,
  ENV_FILE_INVALID: EXIT_STATUS.usage,
  PORT_IN_USE: EXIT_STATUS.failed,
  PORT_FORBIDDEN: EXIT_STATUS.failed,
  BIND_FAILED: EXIT_STATUS.failed,
  NAME_INVALID: EXIT_STATUS.usage,
  NAME_IN_USE: EXIT_STATUS.failed,
  ADDRESS_POOL_EXHAUSTED: EXIT_STATUS.failed,
  NETWORK_SETUP_FAILED: EXIT_STATUS.failed,
  NO_TRANSPORT: EXIT_STATUS.failed,
  STATE_UNREADABLE: EXIT_STATUS.failed,
  SANDBOX_NOT_FOUND: EXIT_STATUS.failed,
  SANDBOX_NOT_RUNNING: EXIT_STATUS.failed,
  SANDBOX_RUNNING: EXIT_STATUS.failed,
  FORWARD_NOT_FOUND: EXIT_STATUS.failed,
  RELOAD_FAILED: EXIT_STATUS.failed,
  RELOAD_UNAVAILABLE: EXIT_STATUS.failed,
  CONTROL_FAILED: EXIT_STATUS.failed,
  CONTROL_INVALID: EXIT_STATUS.failed,
  CONTROL_UNKNOWN: EXIT_STATUS.failed,
  STORE_FAILED: EXIT_STATUS.failed,
  SERVICE_FAILED: EXIT_STATUS.failed,
  SERVICE_NOT_OURS: EXIT_STATUS.failed,
  APP_NOT_FOUND: EXIT_STATUS.notFound,
  APP_AMBIGUOUS: EXIT_STATUS.notRunnable,
  APP_NOT_RUNNABLE: EXIT_STATUS.notRunnable,
  RUNTIME_UNAVAILABLE: EXIT_STATUS.notRunnable,
  MODULE_INVALID: EXIT_STATUS.notRunnable,
  MODULE_UNSUPPORTED_IMPORTS: EXIT_STATUS.notRunnable,
  BUILD_FAILED: EXIT_STATUS.failed,
  MOUNT_FAILED: EXIT_STATUS.failed,
  DATA_IN_USE: EXIT_STATUS.failed,
  DATA_INVALID: EXIT_STATUS.notRunnable,
  DATA_VERSION: EXIT_STATUS.notRunnable,
  INIT_FAILED: EXIT_STATUS.notRunnable,
  ENGINE_FAILED: EXIT_STATUS.failed,
  APP_ENDED: EXIT_STATUS.failed,
  APP_OUT_OF_MEMORY: EXIT_STATUS.trapped,
  NOT_READY: EXIT_STATUS.failed,
} as const satisfies Record<string, number>;

/** Stable identifiers of failures; scripts may match on them. */
export type ErrorCode = keyof typeof CODES;

const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(CODES, text);

/** What an error may have besides its sentence. */
export interface WasmrunErrorOptions {
  /** What the user can do about it, as a sentence. */
  readonly hint?: string;
  /** The failure underneath, kept for `--verbose`. */
  readonly cause?: unknown;
}

/** What is thrown for every failure that a user can do something about, or at least see. */
export class WasmrunError extends Error {
  override readonly name = 'WasmrunError';
  readonly code: ErrorCode;
  /** What can be done about it. */
  readonly hint: string | undefined;
  /** Process exit status for this failure (see {@link EXIT_STATUS}). */
  readonly exitStatus: number;

  constructor(code: ErrorCode, message: string, options: WasmrunErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.exitStatus = CODES[code];
  }
}

/** Also true of an error from another bundle, which has a class of its own. */
export const isWasmrunError = (error: unknown): error is WasmrunError =>
  error instanceof Error && error.name === 'WasmrunError';

/** An error as plain data: what one process tells another of it, and what people's programs read. */
export interface ErrorDocument {
  /** {@link ErrorCode}, or one of another version. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export const toErrorDocument = ({ code, message, hint }: WasmrunError): ErrorDocument => ({
  code,
  message,
  ...(hint !== undefined && { hint }),
});

/** @param otherwise - what a code that is not known here is taken for */
export const fromErrorDocument = (
  { code, message, hint }: Omit<ErrorDocument, 'hint'> & { readonly hint?: string | undefined },
  otherwise: ErrorCode = 'INTERNAL',
): WasmrunError =>
  new WasmrunError(isErrorCode(code) ? code : otherwise, message, hint === undefined ? {} : { hint });
