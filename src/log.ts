/** Where progress, warnings and details go. The command line prints them; a test collects them. */
export interface Log {
  /** A fact the user asked to see only with `--verbose`. */
  detail(message: string): void;
  /** One line the user should see. */
  info(message: string): void;
  /** Something that works differently from what the user may expect. */
  warn(message: string): void;
}

/** Discards everything: the default of library calls. */
export const silentLog: Log = { detail() {}, info() {}, warn() {} };
