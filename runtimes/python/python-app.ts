/** From the runtime to its driver. */
export interface PythonOptions {
  /** Absolute path the app starts in. */
  readonly workingDirectory: string;
}
