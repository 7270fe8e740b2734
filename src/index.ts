/** The public API: see docs/api.md. */
export { WasmrunError } from './errors.ts';
export type { ErrorCode, WasmrunErrorOptions } from './errors.ts';
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
export type {
  ForwardInfo,
  ForwardTraffic,
  NetworkConfig,
  SandboxInfo,
} from './sandbox/control/sandbox-info.ts';
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
export type { EntryState } from './entry-state.ts';
export type { OutboundMode } from './network/egress.ts';
export type { FirewallName } from './network/firewall.ts';
export type { IsolationName } from './network/names.ts';
export type { Carrier, TransportName } from './network/transport.ts';
export type { Protocol } from './os/socket.ts';
export type { RequestedForward } from './sandbox/definition.ts';
export type { LogEntry, LogStream } from './sandbox/log-entry.ts';
export type { SandboxEnd } from './sandbox/sandbox.ts';
