/**
 * The engine: one process inside the sandbox's namespace that runs one WebAssembly module. It opens
 * everything it was told to, waits until the network stands, gives up its privileges, and only then has a
 * driver run the guest, on this thread.
 */
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { EXIT_STATUS, isWasmrunError } from '../errors.ts';
import { Control } from './control.ts';
import type { Driver } from './driver.ts';
import { harden, ignoreTerminalSignals, raiseStackLimit } from './harden.ts';
import { exitNow } from './libc.ts';
import { openDirectories, openMemoryFileSystems } from './mounts.ts';
import type { DriverReference, LaunchMessage } from './messages.ts';
import { Poller } from './poll.ts';
import { useVirtualPorts } from './ports.ts';
import { SendThread } from './send-thread/send-thread.ts';
import { refuseOutbound, refusePorts } from './seccomp.ts';
import { Services } from './services.ts';
import { TRAP_STACK_DEPTH, describeTrap, isTrap } from './trap.ts';
import { wasiDriver } from './wasi-driver.ts';

Error.stackTraceLimit = TRAP_STACK_DEPTH;

/** Loads a driver, and lets Node's own loop finish with that. */
const loadDriver = async ({ path }: DriverReference): Promise<Driver> => {
  // An import would bring Node's loader of ES modules up, which takes a third of a bare start.
  const { driver } = createRequire(path)(path) as { driver: Driver };
  // libuv adds its descriptors to its set by an io_uring, which no hardened engine may use: a loop that has
  // been round once has them in already, and can go round again.
  await new Promise((resolve) => setImmediate(resolve));
  return driver;
};

const main = async (control: Control, launch: LaunchMessage): Promise<void> => {
  const poller = new Poller(control);
  // The app and this very code may lie where only root can read: open first, give up privileges, then look.
  const driver = launch.driver === undefined ? wasiDriver : await loadDriver(launch.driver);
  const sendThread = driver.sendsBeside === true ? new SendThread() : undefined;
  const opened = await driver.open(launch);
  const directories = [
    ...openDirectories(launch.directories, poller, launch.user),
    ...openMemoryFileSystems(opened.opensFiles ? launch.tmpfs : []),
  ];
  sendThread?.awaitReady();
  harden(launch.user);
  if (launch.virtualPorts === true) {
    useVirtualPorts();
    refusePorts();
  }
  const guest = await opened.prepare(directories);
  control.send({ type: 'prepared', abi: guest.abi });

  const go = control.next();
  if (go.type !== 'go') control.exit({ status: 0, reason: 'stopped' });
  // In the host's own network there is everybody to send to.
  if (launch.virtualPorts === true) refuseOutbound();

  const services = new Services({ launch, go, control, poller, directories, lanes: sendThread?.lanes });
  control.onOrder((order) => services.obey(order));
  // A stop that came together with `go` makes the channel readable no more.
  control.obey();
  await guest.run(services);
};

const fail = (control: Control, file: string, error: unknown): never => {
  if (isTrap(error)) {
    writeSync(2, `${describeTrap(file, error)}\n`);
    return control.exit({ status: EXIT_STATUS.trapped, reason: 'trap' });
  }
  const known = isWasmrunError(error);
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
raiseStackLimit();
const control = new Control();
const launch = control.next() as LaunchMessage;
main(control, launch).catch((error: unknown) => fail(control, basename(launch.module), error));
