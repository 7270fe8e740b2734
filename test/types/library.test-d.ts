/** The types of the library, as a program that uses it sees them. Nothing here is run: tsc checks it. */
import { expectTypeOf, test } from 'vitest';
import {
  ForwardInfoSchema,
  NetworkConfigSchema,
  Sandbox,
  SandboxInfoSchema,
  WasmrunError,
} from '../../src/index.ts';
import type {
  ErrorCode,
  ForwardInfo,
  LogEntry,
  NetworkConfig,
  SandboxEnd,
  SandboxEvent,
  SandboxInfo,
  SandboxOptions,
  SandboxSummary,
} from '../../src/index.ts';

declare const sandbox: Sandbox;
declare const otherInfo: SandboxInfo;

test('a sandbox is started, found and listed', () => {
  expectTypeOf(Sandbox.start).parameters.toEqualTypeOf<[options: SandboxOptions]>();
  expectTypeOf(Sandbox.start({ app: './app' })).resolves.toEqualTypeOf<Sandbox>();
  expectTypeOf(Sandbox.connect('web')).resolves.toEqualTypeOf<Sandbox>();
  expectTypeOf(Sandbox.list()).resolves.toEqualTypeOf<readonly SandboxSummary[]>();
  expectTypeOf(sandbox).toExtend<AsyncDisposable>();
  // @ts-expect-error an app is what it takes
  void Sandbox.start({});
  // @ts-expect-error there is no such option
  void Sandbox.start({ app: './app', forward: ['3000'] });
  // @ts-expect-error forwards are a list
  void Sandbox.start({ app: './app', forwards: '3000' });
  // @ts-expect-error there is no such transport
  void Sandbox.start({ app: './app', transport: 'iptable' });
  // @ts-expect-error only start and connect make one
  void new Sandbox();
});

test('options may be undefined, as those of a program often are', () => {
  expectTypeOf<undefined>().toExtend<SandboxOptions['name']>();
  expectTypeOf<undefined>().toExtend<SandboxOptions['signal']>();
  expectTypeOf<string | undefined>().toExtend<NonNullable<SandboxOptions['env']>[string]>();
});

test('what it tells cannot be changed', () => {
  expectTypeOf(sandbox.info).toEqualTypeOf<SandboxInfo>();
  expectTypeOf(sandbox.info.network).toEqualTypeOf<NetworkConfig | undefined>();
  expectTypeOf(sandbox.info.forwards).toEqualTypeOf<readonly ForwardInfo[]>();
  const { network } = sandbox.info;
  // @ts-expect-error
  sandbox.info = otherInfo;
  // @ts-expect-error
  if (network !== undefined) network.address = '192.0.2.1';
  // @ts-expect-error
  sandbox.info.forwards.push(sandbox.info.forwards[0]!);
  // @ts-expect-error
  sandbox.info.forwards[0]!.hostPort = 1;
});

test('a network is all strings but for the length of its prefix', () => {
  expectTypeOf<NetworkConfig>().toExtend<
    Readonly<Record<Exclude<keyof NetworkConfig, 'prefixLength'>, string>> & { readonly prefixLength: number }
  >();
  expectTypeOf<keyof NetworkConfig>().toEqualTypeOf<
    | 'address'
    | 'gateway'
    | 'prefixLength'
    | 'netmask'
    | 'namespace'
    | 'hostInterface'
    | 'guestInterface'
    | 'macAddress'
  >();
});

test('schemas have the types they check', () => {
  expectTypeOf(SandboxInfoSchema.parse({})).toExtend<SandboxInfo>();
  expectTypeOf(NetworkConfigSchema.parse({})).toExtend<NetworkConfig>();
  expectTypeOf(ForwardInfoSchema.parse({})).toExtend<ForwardInfo>();
});

test('forwards are exposed by ports and closed by what that returned', () => {
  const exposed = sandbox.expose({ processPort: 3000 });
  expectTypeOf(exposed).resolves.toEqualTypeOf<ForwardInfo>();
  expectTypeOf<ForwardInfo>().toExtend<Parameters<Sandbox['unexpose']>[0]>();
  expectTypeOf<number>().toExtend<Parameters<Sandbox['unexpose']>[0]>();
  expectTypeOf<ForwardInfo['hostPort']>().toEqualTypeOf<number>();
  expectTypeOf<ForwardInfo['url']>().toEqualTypeOf<string>();
  // @ts-expect-error the port of the app is what it takes
  void sandbox.expose({ hostPort: 8080 });
  // @ts-expect-error ports are numbers
  void sandbox.expose({ processPort: '3000' });
});

test('an event is told by its type', () => {
  expectTypeOf(sandbox.events()).toEqualTypeOf<AsyncIterable<SandboxEvent>>();
  const describe = (event: SandboxEvent): void => {
    if (event.type === 'forward') expectTypeOf(event.hostPort).toEqualTypeOf<number>();
    if (event.type === 'exited') expectTypeOf(event.status).toEqualTypeOf<number>();
    if (event.type === 'output') expectTypeOf(event.stream).toEqualTypeOf<'stdout' | 'stderr'>();
    // @ts-expect-error there is no such event
    if (event.type === 'opened') throw new Error();
  };
  void describe;
});

test('an end has a status and a reason, a log entry its time, stream and text', () => {
  expectTypeOf(sandbox.end()).resolves.toEqualTypeOf<SandboxEnd>();
  expectTypeOf<SandboxEnd>().toExtend<{ readonly status: number; readonly reason: string }>();
  expectTypeOf(sandbox.logs()).toEqualTypeOf<AsyncIterable<LogEntry>>();
  expectTypeOf<LogEntry['stream']>().toEqualTypeOf<'stdout' | 'stderr' | 'wasmrun'>();
  expectTypeOf<WasmrunError['code']>().toEqualTypeOf<ErrorCode>();
});

test('whatever waits takes a signal', () => {
  type OptionsOf<Name extends 'refresh' | 'expose' | 'reload' | 'stop' | 'end' | 'logs' | 'events'> =
    NonNullable<Parameters<Sandbox[Name]>[0]>;
  expectTypeOf<
    OptionsOf<'refresh' | 'expose' | 'reload' | 'stop' | 'end' | 'logs' | 'events'>['signal']
  >().toEqualTypeOf<AbortSignal | undefined>();
});
