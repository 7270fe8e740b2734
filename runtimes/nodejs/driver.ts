/**
 * Runs a Node.js app in the engine: QuickJS as WebAssembly, in it Node's own JavaScript library on the bindings of
 * guest/, and here the loop and the system calls.
 */
import { readFileSync } from 'node:fs';
import type { Driver, EngineServices, OpenedGuest } from '../../src/engine/driver.ts';
import type { LaunchMessage } from '../../src/engine/messages.ts';
import { packageFile } from '../../src/os/package-file.ts';
import { coreFunctions } from './engine/functions.ts';
import { Guest } from './engine/guest.ts';
import type { EngineFunctions } from './engine/guest.ts';
import { FdTable } from '../../src/engine/fd-table.ts';
import { fileFunctions } from './engine/file-functions.ts';
import { GuestFileSystem } from './engine/guest-file-system.ts';
import { httpFunctions } from './engine/http-functions.ts';
import { HttpParsers } from './engine/http-parser.ts';
import { librarySources } from './engine/library.ts';
import { compileLlhttp } from './engine/llhttp.ts';
import { moduleFunctions } from './engine/module-functions.ts';
import { syntaxFunctions } from './engine/syntax-functions.ts';
import { launchOf } from './engine/launch.ts';
import type { NodeOptions } from './engine/launch.ts';
import { Reactor, ReactorState } from './engine/reactor.ts';
import { GuestStreams, streamFunctions } from './engine/stream-functions.ts';
import { TransferMemory } from './engine/transfer-memory.ts';
import { createRequire } from 'node:module';

/** Bytes of stack in QuickJS before a RangeError: what quickjs-wasi's own stack has room for (MAX_STACK_SIZE). */
const STACK = 500 * 1024;
const MEBIBYTE = 1024 * 1024;
const DEFAULT_MEMORY = 512 * MEBIBYTE;

const require = createRequire(import.meta.url);
const extension = (name: string): Buffer => readFileSync(require.resolve(`quickjs-wasi/${name}.so`));

const open = (launch: LaunchMessage): OpenedGuest => {
  const options = launch.driver?.options as NodeOptions;
  const bytes = {
    quickjs: readFileSync(launch.module),
    bridge: readFileSync(packageFile('dist/drivers/nodejs/bridge.wasm')),
    encoding: extension('encoding'),
    clone: extension('structured-clone'),
    script: readFileSync(packageFile('dist/drivers/nodejs/guest.js'), 'utf8'),
  };
  return {
    opensFiles: true,
    prepare: async (directories) => {
      const fds = new FdTable();
      const files = new GuestFileSystem(
        directories.map((directory) => {
          const path = directory.preopenPath ?? '/';
          const isSameOnHost = launch.directories.some(
            ({ guestPath, hostPath }) => guestPath === path && hostPath === path,
          );
          return { path, directory, isSameOnHost };
        }),
        fds,
      );
      files.changeDirectory(options.workingDirectory);
      const state = new ReactorState();
      const parsers = new HttpParsers(compileLlhttp(librarySources));
      let streams: GuestStreams | undefined;
      let services: EngineServices | undefined;
      const guest = await Guest.create(
        {
          quickjs: new WebAssembly.Module(bytes.quickjs),
          bridge: new WebAssembly.Module(bytes.bridge),
          extensions: [
            { name: 'encoding', wasm: new WebAssembly.Module(bytes.encoding) },
            { name: 'structured-clone', wasm: new WebAssembly.Module(bytes.clone) },
          ],
        },
        { memory: options.memory ?? DEFAULT_MEMORY, stack: STACK },
        (bridge, rejections) =>
          together(
            coreFunctions(bridge, () => launchOf(options, services!), rejections),
            { plain: fileFunctions(bridge, files), raw: {} },
            { plain: moduleFunctions({ readText: (path) => textOf(files, path) }), raw: {} },
            { plain: syntaxFunctions, raw: {} },
            { plain: { exit: (status: number) => services!.exit(status) }, raw: {} },
            httpFunctions(parsers),
            streamFunctions(bridge, () => streams!),
            state.functions,
          ),
        bytes.script,
      );
      return {
        abi: 'reactor',
        run: async (given) => {
          services = given;
          for (const stream of given.streams) fds.add(stream);
          streams = new GuestStreams(
            given,
            () => guest,
            parsers,
            new TransferMemory(guest.bridge, guest.memory),
          );
          const status = await new Reactor(guest, given, streams.table, state).run();
          return given.exit(status);
        },
      };
    },
  };
};

/** The text of a file; undefined where it cannot be read. */
const textOf = (files: GuestFileSystem, path: string): string | undefined => {
  const text = files.readText(path, 0);
  return typeof text === 'string' ? text : undefined;
};

const together = (...all: readonly EngineFunctions[]): EngineFunctions => ({
  plain: Object.assign({}, ...all.map(({ plain }) => plain)) as EngineFunctions['plain'],
  raw: Object.assign({}, ...all.map(({ raw }) => raw)) as EngineFunctions['raw'],
});

export const driver: Driver = { open };
