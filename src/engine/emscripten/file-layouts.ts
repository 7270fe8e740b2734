/** Structures of musl as Emscripten has them (system/lib/libc/musl/arch/emscripten/bits, 32-bit addresses). */
import { FILETYPE } from '../descriptor.ts';
import type { DirectoryEntry, FileStat } from '../descriptor.ts';
import type { GuestMemory } from '../guest-memory.ts';

const NANOSECONDS = 1_000_000_000n;
/** Everything belongs to nobody. */
const NOBODY = 65_534;
/** struct stat, in bytes. */
const STAT_SIZE = 96;
/** struct dirent without its name, and what its size is rounded up to. */
const ENTRY_HEAD = 19;
const ENTRY_ALIGNMENT = 8;

/** dirent.h, DT_* */
const ENTRY_TYPES: Readonly<Record<number, number>> = {
  [FILETYPE.characterDevice]: 2,
  [FILETYPE.directory]: 4,
  [FILETYPE.blockDevice]: 6,
  [FILETYPE.regularFile]: 8,
  [FILETYPE.symbolicLink]: 10,
  [FILETYPE.socketStream]: 12,
};

export const writeStat = (memory: GuestMemory, address: number, stat: FileStat): number => {
  memory.slice(address, STAT_SIZE).fill(0);
  const { view } = memory;
  const words = [Number(stat.dev & 0xffff_ffffn), stat.mode, Number(stat.nlink), NOBODY, NOBODY];
  for (const [index, word] of words.entries()) view.setUint32(address + 4 * index, word, true);
  view.setUint32(address + 20, Number(stat.rdev & 0xffff_ffffn), true);
  view.setBigInt64(address + 24, stat.size, true);
  view.setInt32(address + 32, Number(stat.blksize), true);
  view.setInt32(address + 36, Number(BigInt.asIntN(32, stat.blocks)), true);
  for (const [index, time] of [stat.atim, stat.mtim, stat.ctim].entries()) {
    view.setBigInt64(address + 40 + 16 * index, time / NANOSECONDS, true);
    view.setUint32(address + 48 + 16 * index, Number(time % NANOSECONDS), true);
  }
  view.setBigUint64(address + 88, stat.ino, true);
  return 0;
};

/** Puts as many entries as fit into a buffer; how many bytes they take. `taken` counts them. */
export const writeEntries = (
  memory: GuestMemory,
  { address, size }: { address: number; size: number },
  entries: readonly DirectoryEntry[],
): { length: number; taken: number } => {
  let at = address;
  let taken = 0;
  for (const { name, ino, filetype, next } of entries) {
    const needed = ENTRY_HEAD + name.length + 1;
    const length = Math.ceil(needed / ENTRY_ALIGNMENT) * ENTRY_ALIGNMENT;
    if (at + length > address + size) break;
    memory.slice(at, length).fill(0);
    memory.view.setBigUint64(at, ino, true);
    memory.view.setBigUint64(at + 8, next, true);
    memory.view.setUint16(at + 16, length, true);
    memory.view.setUint8(at + 18, ENTRY_TYPES[filetype] ?? 0);
    memory.bytes.set(name, at + ENTRY_HEAD);
    at += length;
    taken += 1;
  }
  return { length: at - address, taken };
};
