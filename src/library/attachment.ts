/** How a `Sandbox` of the library hangs together with the one it stands for: it has started it, or found it. */
import type { SandboxControl } from '../sandbox/control/sandbox-control.ts';
import type { LogEntry } from '../sandbox/log-entry.ts';
import type { SandboxEnd } from '../sandbox/sandbox.ts';

/** How a log is read. */
export interface LogReading {
  readonly follow: boolean;
  /** Ends it, without an error. */
  readonly signal: AbortSignal | undefined;
}

export interface Attachment extends Pick<SandboxControl, 'info' | 'expose' | 'close' | 'reload' | 'events'> {
  readonly name: string;
  /** What it has said, and goes on to say where that is followed. */
  logs(how: LogReading): AsyncIterable<LogEntry>;
  /**
   * Resolves when it has ended.
   * @param signal - nobody waits any more
   */
  end(signal: AbortSignal | undefined): Promise<SandboxEnd>;
  /** Resolves when nothing of it is left, whether it ran or not. */
  stop(graceMs?: number): Promise<void>;
  /** The library lets go of it. */
  release(): Promise<void>;
}
