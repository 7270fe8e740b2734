/**
 * The engine: one process inside the sandbox's namespace that runs one WebAssembly module. It opens
 * everything it was told to, waits until the network stands, gives up its privileges, and only then runs
 * the guest, synchronously on this thread.
 */
import { writeSync } from 'node:fs';
import { basename } from 'node:path';
import { EXIT_STATUS, WasmrunError } from '../errors.ts';
import { Broker } from './broker.ts';
import { Connections } from './connections.ts';
import { Control } from './control.ts';
import { DatagramPorts } from './datagram-ports.ts';
import { DescriptorChannel } from './descriptor-channel.ts';
import type { Descriptor } from './descriptor.ts';
import { FdTable } from './fd-table.ts';
import { GuestMemory } from './guest-memory.ts';
import { harden, ignoreTerminalSignals } from './harden.ts';
import { linkImports } from './imports.ts';
import { exitNow } from './libc.ts';
import { ListenerFactory } from './listeners.ts';
import { openDirectories, openMemoryFileSystems } from './mounts.ts';
import type { AttachMessage, HandedChannel, LaunchMessage, ToEngine } from './messages.ts';
import { Poller } from './poll.ts';
import { compileModule, mayOpenFiles, notWebAssembly, readModule } from './program.ts';
import type { Program } from './program.ts';
import { useVirtualPorts } from './ports.ts';
import { refuseOutbound, refusePorts } from './seccomp.ts';
import { StandardStream } from './stdio.ts';
import { TRAP_STACK_DEPTH, describeTrap, isTrap } from './trap.ts';

Error.stackTraceLimit = TRAP_STACK_DEPTH;

/** Descriptor number of the first preopened listener (systemd's SD_LISTEN_FDS_START, sd_listen_fds(3)). */
const FIRST_LISTENER_FD = 3;

/** Fills the descriptor table: standard streams, then listeners, then directories. */
const openDescriptors = (
  fds: FdTable,
  poller: Poller,
  listeners: ListenerFactory,
  preopenPorts: readonly number[],
  directories: readonly Descriptor[],
): void => {
  for (const fd of [0, 1, 2] as const) fds.add(new StandardStream(fd, poller));
  for (const port of preopenPorts) {
    const listener = listeners.preopen(port);
    if (typeof listener === 'number') {
      throw new WasmrunError(
        'ENGINE_FAILED',
        `cannot listen on port ${port} inside the sandbox (WASI errno ${-listener})`,
      );
    }
    fds.add(listener);
  }
  for (const directory of directories) fds.add(directory);
};

const run = (
  program: Program,
  context: Parameters<typeof linkImports>[1],
  verboseNotice: (text: string) => void,
): void => {
  const { imports, missing } = linkImports(program.imports, context);
  if (missing.length > 0)
    verboseNotice(
      `${program.file} imports functions that are not available here and will fail: ${missing.join(', ')}`,
    );
  try {
    const instance = new WebAssembly.Instance(program.module, imports);
    context.memory.attach(instance.exports['memory'] as WebAssembly.Memory);
    (instance.exports['_start'] as () => void)();
  } catch (error) {
    // Functions are compiled when they are first called: only then an invalid one is found.
    if (error instanceof WebAssembly.CompileError) throw notWebAssembly(program.file, error);
    if (isTypeMismatch(error)) throw otherSignature(program.file, error);
    if (!isTrap(error)) throw error;
    writeSync(2, `${describeTrap(program.file, error)}\n`);
    context.control.exit({ status: EXIT_STATUS.trapped, reason: 'trap' });
  }
  context.control.exit({ status: 0, reason: 'exit' });
};

/** Why forwards will lead nowhere, as far as the module's imports tell. */
const lacksOf = (program: Program, { ports, channels }: LaunchMessage): string[] => {
  const { abi, file } = program;
  const lacks = lackOfDatagrams(program, channels);
  if (abi === 'preview1' && ports.length === 0)
    lacks.unshift(`${file} cannot open a listener itself: name the port it serves, e.g. --forward 8080:3000`);
  if (abi === 'none' && ports.length > 0)
    lacks.push(`${file} imports no socket functions, so nothing will listen on port ${ports.join(', ')}`);
  return lacks;
};

const lackOfDatagrams = (
  { abi, file }: Program,
  channels: readonly Pick<HandedChannel, 'processPort'>[],
): string[] => {
  if (channels.length === 0 || (abi !== 'preview1' && abi !== 'none')) return [];
  const udpPorts = channels.map(({ processPort }) => `${processPort}/udp`).join(', ');
  return [`${file} imports no functions for UDP, so nothing will answer on ${udpPorts}`];
};

interface Obedient {
  readonly control: Control;
  readonly listeners: ListenerFactory;
  readonly datagrams: DatagramPorts;
  readonly connections: Connections;
  readonly channel: DescriptorChannel;
  readonly program: Program;
  readonly notice: (text: string) => void;
}

/** Does what the supervisor orders while the guest runs. */
const obey = (order: ToEngine, parts: Obedient): void => {
  const { control, listeners, datagrams, connections } = parts;
  if (order.type === 'drain') {
    listeners.pause();
    datagrams.pause();
    connections.drain();
  } else if (order.type === 'finish') connections.finish();
  else if (order.type === 'detach') listeners.detach(order.id);
  else if (order.type === 'attach') {
    attach(order.kind, parts);
    control.send({ type: 'attached' });
  }
};

const attach = (
  kind: AttachMessage['kind'],
  { listeners, datagrams, channel, program, notice }: Obedient,
): void => {
  const { packet, socket } = channel.take(kind) ?? {};
  if (packet === undefined || socket === undefined) return;
  if (packet.kind === 'listener') return listeners.attach(socket, packet.id, packet.processPort);
  datagrams.attach(socket, packet.processPort);
  for (const lack of lackOfDatagrams(program, [packet])) notice(lack);
};

/** V8's words where an i64 meets a number: what a module declares differs from what the function takes. */
const isTypeMismatch = (error: unknown): error is TypeError =>
  error instanceof TypeError && error.message.includes('BigInt');

const otherSignature = (file: string, cause: TypeError): WasmrunError =>
  new WasmrunError(
    'MODULE_UNSUPPORTED_IMPORTS',
    `${file} does not declare its imports or _start with the types WASI gives them`,
    { hint: 'Build it for wasm32: there is no WASI preview1 with 64-bit addresses.', cause },
  );

const main = async (control: Control): Promise<void> => {
  const launch = control.next() as LaunchMessage;
  const memory = new GuestMemory();
  const fds = new FdTable();
  const poller = new Poller(memory, fds, control);
  // The app and this very code may lie where only root can read: open first, give up privileges, then look.
  const bytes = readModule(launch.module);
  const directories = [
    ...openDirectories(launch.directories, poller),
    ...(await openMemoryFileSystems(mayOpenFiles(bytes) ? launch.tmpfs : [])),
  ];
  harden(launch.user);
  if (launch.virtualPorts === true) {
    useVirtualPorts();
    refusePorts();
  }
  const program = compileModule(basename(launch.module), bytes);
  control.send({ type: 'prepared', abi: program.abi });

  const go = control.next();
  if (go.type !== 'go') control.exit({ status: 0, reason: 'stopped' });
  // In the host's own network there is everybody to send to.
  if (launch.virtualPorts === true) refuseOutbound();

  const channel = new DescriptorChannel();
  const connections = new Connections(control);
  const { sandboxAddress } = go;
  const listeners = new ListenerFactory({
    ...launch,
    poller,
    control,
    channel,
    connections,
    sandboxAddress,
  });
  const datagrams = new DatagramPorts({ ...launch, poller, control, channel, sandboxAddress });
  const preopenPorts = program.abi === 'preview1' ? launch.ports : [];
  openDescriptors(fds, poller, listeners, preopenPorts, directories);
  const env =
    preopenPorts.length === 0
      ? launch.env
      : { ...launch.env, LISTEN_FDS: String(preopenPorts.length), LISTEN_FD: String(FIRST_LISTENER_FD) };
  const notice = (text: string): void => control.send({ type: 'notice', text });
  const obedient = { control, listeners, datagrams, connections, channel, program, notice };
  control.onOrder((order) => obey(order, obedient));
  // A stop that came together with `go` makes the channel readable no more.
  control.obey();
  for (const lack of lacksOf(program, launch)) notice(lack);
  const broker = new Broker(control, poller, channel);
  const { args } = launch;
  run(program, { memory, fds, poller, control, listeners, datagrams, broker, args, env }, notice);
};

const fail = (control: Control, error: unknown): never => {
  const known = error instanceof WasmrunError;
  const message = error instanceof Error ? error.message : String(error);
  control.send({
    type: 'failed',
    code: known ? error.code : 'ENGINE_FAILED',
    message: known ? message : `the engine failed: ${message}`,
    ...(known && error.hint !== undefined ? { hint: error.hint } : {}),
  });
  return exitNow(known ? error.exitStatus : EXIT_STATUS.failed);
};

ignoreTerminalSignals();
const control = new Control();
main(control).catch((error: unknown) => fail(control, error));
