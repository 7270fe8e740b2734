/**
 * Runs a Node.js app in the engine: QuickJS as WebAssembly, in it Node's own JavaScript library on the bindings of
 * guest/, and here the loop and the system calls.
 */
import type { Driver, EngineServices, OpenedGuest } from '../../src/engine/driver.ts';
import { FdTable } from '../../src/engine/fd-table.ts';
import { guestMounts } from '../../src/engine/guest-mounts.ts';
import type { LaunchMessage } from '../../src/engine/messages.ts';
import { GuestDatagrams } from './engine/datagrams.ts';
import type { Guest } from './engine/guest.ts';
import { WasmrunError } from '../../src/errors.ts';
import { isOutOfMemory } from './engine/guest-errors.ts';
import { GuestFileSystem } from '../../src/engine/guest-file-system.ts';
import { HttpParsers } from './engine/http-parser.ts';
import { launchOf } from './engine/launch.ts';
import type { Launch, NodeOptions } from './engine/launch.ts';
import { librarySources } from './engine/library.ts';
import { compileLlhttp } from './engine/llhttp.ts';
import { MemoryBudget } from './engine/memory-budget.ts';
import { MemoryImage } from './engine/memory-image.ts';
import { createNodeGuest, readGuestBytes, textOf } from './engine/node-guest.ts';
import { Reactor, ReactorState } from './engine/reactor.ts';
import { GuestStreams } from './engine/stream-functions.ts';
import { TransferMemory } from './engine/transfer-memory.ts';

const MEBIBYTE = 1024 * 1024;
const DEFAULT_MEMORY = 512 * MEBIBYTE;
/**
 * Bytes of stack in QuickJS before a RangeError: about the recursion that Node itself allows. V8 needs up to 14 times
 * as much for the same calls.
 */
const STACK = 2 * MEBIBYTE;
/** The same where the machine's limits did not let the engine have the stack for that. */
const SMALL_STACK = 200 * 1024;

/** Undefined where another version of wasmrun has cleared it away meanwhile: the library is brought up anew then. */
const openSnapshot = (path: string): MemoryImage | undefined => {
  try {
    return new MemoryImage(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
};

const open = (launch: LaunchMessage): OpenedGuest => {
  const options = launch.driver?.options as NodeOptions;
  const memory = options.memory ?? DEFAULT_MEMORY;
  const bytes = readGuestBytes();
  const snapshot = options.snapshot === undefined ? undefined : openSnapshot(options.snapshot);
  return {
    opensFiles: true,
    prepare: async (directories) => {
      const fds = new FdTable();
      const files = new GuestFileSystem(guestMounts(launch, directories), fds);
      files.changeDirectory(options.workingDirectory);
      const llhttp = compileLlhttp(librarySources);
      // As much again as the guest itself may use.
      const budget = new MemoryBudget(memory);
      const parsers = new HttpParsers(llhttp, { budget });
      const reactor = new ReactorState();
      let streams: GuestStreams | undefined;
      let datagrams: GuestDatagrams | undefined;
      let services: EngineServices | undefined;
      let app: Launch | undefined;
      const guest: Guest = await createNodeGuest(
        bytes,
        memory,
        {
          files,
          parsers,
          llhttp,
          reactor,
          guest: () => guest,
          streams: () => streams!,
          datagrams: () => datagrams!,
          services: () => services!,
          launch: () => app!,
        },
        snapshot,
      );
      snapshot?.[Symbol.dispose]();
      guest.useStack(process.execArgv.some((flag) => flag.startsWith('--stack-size')) ? STACK : SMALL_STACK);
      return {
        abi: 'reactor',
        run: async (given) => {
          services = given;
          app = launchOf({ ...options, memory }, given, (path) => textOf(files, path));
          for (const stream of given.streams) fds.add(stream);
          const transfer = new TransferMemory(guest.bridge, guest.memory);
          streams = new GuestStreams(given, () => guest, { parsers, memory: transfer, budget });
          const { table } = streams;
          datagrams = new GuestDatagrams(given, {
            table,
            events: given.events,
            memory: transfer,
            guest: () => guest,
          });
          return given.exit(await orOutOfMemory(new Reactor(guest, given, table, reactor).run(), memory));
        },
      };
    },
  };
};

/** Not even its own error could be told to the guest: what V8 ends Node for as well. */
const orOutOfMemory = async (running: Promise<number>, memory: number): Promise<number> => {
  try {
    return await running;
  } catch (error) {
    if (!isOutOfMemory(error)) throw error;
    throw new WasmrunError(
      'APP_OUT_OF_MEMORY',
      `the app has used up its memory of ${Math.floor(memory / MEBIBYTE)} MiB`,
      { hint: 'give it more with --memory', cause: error },
    );
  }
};

export const driver: Driver = { open };
