/** A guest with Node's library in it: what it is made of, its functions, and how it is kept in a file. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { EngineServices } from '../../../src/engine/driver.ts';
import { packageFile } from '../../../src/os/package-file.ts';
import { ClientParsers, clientParserFunctions } from './client-parsers.ts';
import { datagramFunctions } from './datagrams.ts';
import type { GuestDatagrams } from './datagrams.ts';
import { fileFunctions } from './file-functions.ts';
import { coreFunctions } from './functions.ts';
import { Guest } from './guest.ts';
import type { EngineFunctions, GuestParts, MakeFunctions } from './guest.ts';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import type { MemoryImage } from './memory-image.ts';
import { withMemoryLimit } from './memory-limit.ts';
import { httpFunctions } from './http-functions.ts';
import type { HttpParsers } from './http-parser.ts';
import type { Launch } from './launch.ts';
import { moduleFunctions } from './module-functions.ts';
import { ModuleTree } from './module-tree.ts';
import { nativeFunctions } from './native-functions.ts';
import type { ReactorState } from './reactor.ts';
import { streamFunctions } from './stream-functions.ts';
import type { GuestStreams } from './stream-functions.ts';
import { syntaxFunctions } from './syntax-functions.ts';
import { typescriptFunctions } from './typescript-functions.ts';

const require = createRequire(import.meta.url);

/** Everything a guest is made of, as bytes nobody has looked at. */
export interface GuestBytes {
  readonly quickjs: Buffer<ArrayBuffer>;
  readonly bridge: Buffer<ArrayBuffer>;
  /** Of quickjs-wasi, by name. */
  readonly extensions: Readonly<Record<string, Buffer<ArrayBuffer>>>;
  readonly script: Buffer<ArrayBuffer>;
}

const EXTENSIONS = ['encoding', 'structured-clone'] as const;

export const readGuestBytes = (): GuestBytes => ({
  quickjs: readFileSync(packageFile('dist/drivers/nodejs/quickjs.wasm')),
  bridge: readFileSync(packageFile('dist/drivers/nodejs/bridge.wasm')),
  extensions: Object.fromEntries(
    EXTENSIONS.map((name) => [name, readFileSync(require.resolve(`quickjs-wasi/${name}.so`))]),
  ),
  script: readFileSync(packageFile('dist/drivers/nodejs/guest.js')),
});

/** What the functions of the engine work on; where it is made later, they are not called before. */
export interface GuestWorld {
  readonly files: GuestFileSystem;
  readonly parsers: HttpParsers;
  /** llhttp of undici. */
  readonly llhttp: WebAssembly.Module;
  readonly reactor: ReactorState;
  guest(): Guest;
  streams(): GuestStreams;
  datagrams(): GuestDatagrams;
  services(): EngineServices;
  launch(): Launch;
}

/** All functions of the engine, in an order that snapshots rely on. */
const functionsFor =
  (world: GuestWorld): MakeFunctions =>
  (bridge) => {
    const { files, parsers, llhttp, reactor } = world;
    const clients = new ClientParsers(llhttp, (name, ...values) =>
      world.guest().call('clientParser', name, ...values),
    );
    const all: readonly EngineFunctions[] = [
      coreFunctions(bridge, () => world.launch()),
      plain(fileFunctions(bridge, files)),
      plain(moduleFunctions(new ModuleTree(files, () => bridge.calls + files.changes))),
      plain(syntaxFunctions),
      plain(typescriptFunctions),
      plain(
        nativeFunctions({
          hold: () => reactor.hold(world.services().events),
          done: (number, outcome) => void world.guest().call('jobDone', number, outcome),
          askTls: (name, ...values) => world.guest().call('askTls', name, ...values),
          tellTls: (number) => void world.guest().call('tlsEvents', number),
          requestHostTurn: () => world.services().events.requestHostTurn(),
        }),
      ),
      httpFunctions(parsers),
      clientParserFunctions(bridge, clients),
      plain({ exit: (status: number) => world.services().exit(status) }),
      streamFunctions(bridge, () => world.streams()),
      datagramFunctions(() => world.datagrams()),
      reactor.functions,
    ];
    return {
      plain: Object.assign({}, ...all.map((each) => each.plain)) as EngineFunctions['plain'],
      raw: Object.assign({}, ...all.map((each) => each.raw)) as EngineFunctions['raw'],
    };
  };

const plain = (functions: EngineFunctions['plain']): EngineFunctions => ({ plain: functions, raw: {} });

/** The text of a file; undefined where it cannot be read. */
export const textOf = (files: GuestFileSystem, path: string): string | undefined => {
  const text = files.readText(path, 0);
  return typeof text === 'string' ? text : undefined;
};

/** Bytes of the guest's memory besides what its own values may take: its stack, and what crosses just now. */
const TRANSIT_MEMORY = 64 << 20;

const partsOf = ({ quickjs, bridge, extensions }: GuestBytes, memory: number): GuestParts => ({
  quickjs: new WebAssembly.Module(withMemoryLimit(quickjs, memory + TRANSIT_MEMORY)),
  bridge: new WebAssembly.Module(bridge),
  extensions: Object.entries(extensions).map(([name, bytes]) => ({
    name,
    wasm: new WebAssembly.Module(bytes),
  })),
});

/**
 * A guest in which the library stands.
 * @param memory - bytes the guest may use
 * @param snapshot - of one that stood already; it is brought up anew without
 */
export const createNodeGuest = async (
  bytes: GuestBytes,
  memory: number,
  world: GuestWorld,
  snapshot?: MemoryImage,
): Promise<Guest> => {
  const limits = { memory };
  return snapshot === undefined
    ? await Guest.create(partsOf(bytes, memory), limits, functionsFor(world), bytes.script.toString())
    : await Guest.restore(partsOf(bytes, memory), limits, functionsFor(world), snapshot);
};
