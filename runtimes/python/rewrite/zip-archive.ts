/** Changes files in an archive (APPNOTE.TXT of PKWARE, "ZIP File Format Specification"). */
import { crc32, inflateRawSync } from 'node:zlib';

/** Signatures, sizes of records without their texts, and offsets in them. */
const LOCAL = { signature: 0x04034b50, size: 30, version: 4, crc: 14, name: 26, extra: 28 } as const;
const CENTRAL = {
  signature: 0x02014b50,
  size: 46,
  version: 6,
  flags: 8,
  method: 10,
  date: 14,
  crc: 16,
  compressed: 20,
  uncompressed: 24,
  name: 28,
  extra: 30,
  comment: 32,
  offset: 42,
} as const;
const END = { signature: 0x06054b50, size: 22, count: 10, directorySize: 12, directoryOffset: 16 } as const;
const STORED = 0;
const VERSION = 20;
/** 1980-01-01: day, month and years since 1980, in 5, 4 and 7 bits. */
const FIRST_DAY = 1 | (1 << 5);
/** Sizes follow the data instead of preceding them. */
const HAS_DESCRIPTOR = 8;

interface Entry {
  readonly name: string;
  /** Its record in the directory. */
  readonly record: Buffer;
  /** Its local record with its data. */
  readonly file: Buffer;
}

/**
 * @param change - given a file's name and a way to its content; returns another content, or undefined
 * @param added - further files, by name
 * @throws {RangeError} where it is no archive, or one of a kind that this does not know
 */
export const changeArchive = (
  archive: Uint8Array,
  change: (name: string, content: () => Buffer) => Uint8Array | undefined,
  added: Readonly<Record<string, Uint8Array>> = {},
): Buffer => {
  const files: Buffer[] = [];
  const records: Buffer[] = [];
  let offset = 0;
  const addedEntries = Object.entries(added).map(([name, content]) => withContent(emptyEntry(name), content));
  for (const entry of [...entriesOf(Buffer.from(archive)), ...addedEntries]) {
    const content = change(entry.name, () => contentOf(entry));
    const { file, record } = content === undefined ? entry : withContent(entry, content);
    const placed = Buffer.from(record);
    placed.writeUInt32LE(offset, CENTRAL.offset);
    records.push(placed);
    files.push(file);
    offset += file.length;
  }
  const directory = Buffer.concat(records);
  const end = Buffer.alloc(END.size);
  end.writeUInt32LE(END.signature);
  for (const at of [END.count - 2, END.count]) end.writeUInt16LE(records.length, at);
  end.writeUInt32LE(directory.length, END.directorySize);
  end.writeUInt32LE(offset, END.directoryOffset);
  return Buffer.concat([...files, directory, end]);
};

const entriesOf = (archive: Buffer): Entry[] => {
  const end = archive.length - END.size;
  if (end < 0 || archive.readUInt32LE(end) !== END.signature) throw new RangeError('no archive');
  let at = archive.readUInt32LE(end + END.directoryOffset);
  return Array.from({ length: archive.readUInt16LE(end + END.count) }, () => {
    if (archive.readUInt32LE(at) !== CENTRAL.signature) throw new RangeError('a broken directory');
    const nameLength = archive.readUInt16LE(at + CENTRAL.name);
    const texts = [CENTRAL.extra, CENTRAL.comment].map((each) => archive.readUInt16LE(at + each));
    const record = archive.subarray(at, at + CENTRAL.size + nameLength + texts[0]! + texts[1]!);
    at += record.length;
    if ((record.readUInt16LE(CENTRAL.flags) & HAS_DESCRIPTOR) !== 0) throw new RangeError('sizes follow');
    const start = record.readUInt32LE(CENTRAL.offset);
    const head = headLength(archive.subarray(start));
    return {
      name: record.toString('utf8', CENTRAL.size, CENTRAL.size + nameLength),
      record,
      file: archive.subarray(start, start + head + record.readUInt32LE(CENTRAL.compressed)),
    };
  });
};

/** A file as version 2.0 makes it, of the first day there is. */
const emptyEntry = (name: string): Entry => {
  const text = Buffer.from(name);
  const record = Buffer.alloc(CENTRAL.size);
  record.writeUInt32LE(CENTRAL.signature);
  record.writeUInt16LE(VERSION, CENTRAL.version);
  record.writeUInt16LE(FIRST_DAY, CENTRAL.date);
  record.writeUInt16LE(text.length, CENTRAL.name);
  const head = Buffer.alloc(LOCAL.size);
  head.writeUInt32LE(LOCAL.signature);
  head.writeUInt16LE(VERSION, LOCAL.version);
  head.writeUInt16LE(text.length, LOCAL.name);
  return { name, record: Buffer.concat([record, text]), file: Buffer.concat([head, text]) };
};

/** Of a local record, up to its data. */
const headLength = (file: Buffer): number =>
  LOCAL.size + file.readUInt16LE(LOCAL.name) + file.readUInt16LE(LOCAL.extra);

const contentOf = ({ file, record }: Entry): Buffer => {
  const data = file.subarray(headLength(file));
  return record.readUInt16LE(CENTRAL.method) === STORED ? data : inflateRawSync(data);
};

/** The same file with another content, not compressed. */
const withContent = ({ name, file, record }: Entry, content: Uint8Array): Entry => {
  const newRecord = Buffer.from(record);
  const head = Buffer.from(file.subarray(0, headLength(file)));
  newRecord.writeUInt16LE(STORED, CENTRAL.method);
  newRecord.writeUInt32LE(crc32(content), CENTRAL.crc);
  newRecord.writeUInt32LE(content.length, CENTRAL.compressed);
  newRecord.writeUInt32LE(content.length, CENTRAL.uncompressed);
  // Both kinds of records have method, time, date, checksum and sizes in this order.
  newRecord.copy(head, LOCAL.crc - 6, CENTRAL.method, CENTRAL.uncompressed + 4);
  return { name, record: newRecord, file: Buffer.concat([head, content]) };
};
