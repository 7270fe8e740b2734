/**
 * Brings Node's library up once and writes what the guest's memory holds then, which every start goes on from.
 *
 *   node --expose-internals make-snapshot FILE
 */
import { rename } from 'node:fs/promises';
import { FdTable } from '../../src/engine/fd-table.ts';
import { GuestFileSystem } from '../../src/engine/guest-file-system.ts';
import { HttpParsers } from './engine/http-parser.ts';
import { librarySources } from './engine/library.ts';
import { compileLlhttp } from './engine/llhttp.ts';
import { writeMemoryImage } from './engine/memory-image.ts';
import { createNodeGuest, readGuestBytes } from './engine/node-guest.ts';
import { ReactorState } from './engine/reactor.ts';

/** More than enough for the library alone; each start has a limit of its own. */
const MEMORY = 256 * 1024 * 1024;

const absent = (): never => {
  throw new Error('the library asked for something of a running app while it was brought up');
};

const [, , file = ''] = process.argv;
const llhttp = compileLlhttp(librarySources);
const guest = await createNodeGuest(readGuestBytes(), MEMORY, {
  files: new GuestFileSystem([], new FdTable()),
  parsers: new HttpParsers(llhttp),
  llhttp,
  reactor: new ReactorState(),
  guest: absent,
  streams: absent,
  datagrams: absent,
  services: absent,
  launch: absent,
});
// Another start may do the same at the same time: whoever is last, the file is whole.
const whole = `${file}.${process.pid}`;
writeMemoryImage(whole, guest.snapshot());
await rename(whole, file);
