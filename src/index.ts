/** The public API: see docs/api.md. */
export { WasmrunError } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export { Sandbox } from './library/sandbox.ts';
export type {
  EventsOptions,
  ExposeOptions,
  FindOptions,
  ListOptions,
  LogsOptions,
  StopOptions,
  UnexposeOptions,
  WaitOptions,
} from './library/sandbox.ts';
export type { ForwardTarget } from './library/forward-target.ts';
export type { SandboxOptions } from './library/options.ts';
export type { SandboxSummary } from './library/sandbox-summary.ts';
export type { Log } from './log.ts';
export { ForwardInfoSchema, NetworkConfigSchema, SandboxInfoSchema } from './sandbox/control/sandbox-info.ts';
export type { ForwardInfo, NetworkConfig, SandboxInfo } from './sandbox/control/sandbox-info.ts';
export type {
  ClosedEvent,
  ExitedEvent,
  ForwardEvent,
  NoticeEvent,
  OutputEvent,
  RefusedEvent,
  ReloadedEvent,
  ReloadFailedEvent,
  SandboxEvent,
  StartedEvent,
} from './sandbox/events.ts';
export type { LogEntry, LogStream } from './sandbox/log-entry.ts';
export type { SandboxEnd } from './sandbox/sandbox.ts';
