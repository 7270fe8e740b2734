import type { SnapshotConditions } from './engine/snapshot-description.ts';

/** From the runtime to its driver. */
export interface PythonOptions {
  /** Absolute path of what the interpreter's memory holds at first. */
  readonly initialMemory: string;
  /** Absolute path of the app's snapshot, which may not be there yet. */
  readonly snapshot?: string;
  readonly conditions: Omit<SnapshotConditions, 'environment'>;
}
