/** From the runtime to its driver. */
export interface PythonOptions {
  /** Absolute path of what the interpreter's memory holds at first. */
  readonly initialMemory: string;
  /** Absolute path the app starts in. */
  readonly workingDirectory: string;
}
