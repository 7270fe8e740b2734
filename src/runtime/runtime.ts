/**
 * A runtime turns an app into a WebAssembly program that the engine can start. Each lives in a folder
 * of its own in `runtimes/` and knows nothing of networks or sandboxes.
 */

/** What the engine starts. */
export interface GuestProgram {
  /** Absolute path of the WebAssembly module. */
  readonly modulePath: string;
  /** `argv` of the guest, its own name first. */
  readonly args: readonly string[];
  /**
   * Absolute path of the JavaScript module that runs the guest inside the engine ({@link driverPath}). Absent
   * for a WASI command, which runs by itself.
   */
  readonly driver?: string;
  /** For the driver alone: plain JSON. */
  readonly options?: unknown;
  /** Variables below those that the user sets. */
  readonly env?: Readonly<Record<string, string>>;
  /** What works differently from what the user may expect, a sentence each. */
  readonly notices?: readonly string[];
  /** What the program needs to find; a directory that the user mounts at the same place goes before it. */
  readonly directories?: readonly ProgramDirectory[];
  /** Absolute paths of files the program is made from, wherever they are: their changes are changes of the app. */
  readonly sources?: readonly string[];
  /** Guest paths of directories the program writes itself: no change there is one of the app. */
  readonly writes?: readonly string[];
  /** It cannot run twice at the same time: the old version leaves before the new one starts. */
  readonly isSingle?: boolean;
  /** Guest paths of in-memory file systems that the program needs; mounted directories go before them. */
  readonly tmpfs?: readonly string[];
}

/** A directory of the host that a program needs. */
export interface ProgramDirectory {
  /** Absolute path on the host. */
  readonly hostPath: string;
  /** Absolute path the guest sees. */
  readonly guestPath: string;
  readonly readOnly: boolean;
  /** Made where it is missing, for the app's user alone. */
  readonly isMade?: boolean;
}

/** What a database is to be: the table `[postgres]`. */
export interface PostgresSettings {
  /** Absent: the user's name. */
  readonly database?: string | undefined;
  readonly user: string;
  /** Absent: every client is trusted. */
  readonly password?: { reveal(): string } | undefined;
  /** Absolute path of the data directory; absent: `data` in the app's directory. */
  readonly data?: string | undefined;
  /** Absolute paths of SQL files that fill a new data directory, in their order. */
  readonly init: readonly string[];
  readonly extensions: readonly string[];
  /** Statements that take longer are logged. */
  readonly slowMs: number;
  /** Parameters of PostgreSQL by their names, in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** An app that is to be made ready. */
export interface App {
  /** Absolute path of its directory. */
  readonly directory: string;
  /** Absolute path of the module to run, where one was named. */
  readonly module?: string | undefined;
  /** Arguments of the guest, without its own name. */
  readonly args: readonly string[];
  /** Variables that the user sets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute paths of directories with packages for it, where the user names some. */
  readonly sitePackages?: readonly string[];
  /** What a database is to be. */
  readonly postgres?: PostgresSettings;
  /** Bytes of memory it may use, where that was said. */
  readonly memory?: number | undefined;
  /** Why this runtime was chosen, e.g. `package.json` or `--language`. */
  readonly reason: string;
}

export interface Runtime {
  /** As in `--language NAME`. */
  readonly name: string;
  /** Is a file of this name, that was named directly, one for it? */
  runsFile(name: string): boolean;
  /**
   * Can it run what has this name but is no file, as `python -m` does? Relative to `directory`.
   * @param isChosen - the user has said that it is this runtime
   */
  runsModule?(directory: string, name: string, isChosen: boolean): boolean;
  /** Looks at a directory and returns what it recognises there (e.g. `package.json`), or nothing. */
  detect(directory: string): Promise<string | undefined>;
  /**
   * Makes the app ready to start.
   * @throws {WasmrunError} with exit status 126 or 127
   */
  prepare(app: App): Promise<GuestProgram>;
}
