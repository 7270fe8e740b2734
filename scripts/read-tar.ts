/** The files of a tar archive (tar(5), "POSIX ustar Archives"), as packages of npm have them. */

/** Every header and every file's content takes whole blocks. */
const BLOCK = 512;
const NAME = { at: 0, size: 100 } as const;
const SIZE = { at: 124, size: 12 } as const;
const TYPE_AT = 156;
const PREFIX = { at: 345, size: 155 } as const;
const FILE_TYPES: ReadonlySet<string> = new Set(['0', '\0']);
const DIRECTORY_TYPE = '5';

export interface TarFile {
  readonly path: string;
  readonly content: Buffer;
}

/** @throws {Error} where there is something else than files and directories */
export const readTar = function* (archive: Buffer): Generator<TarFile> {
  for (let at = 0; at + BLOCK <= archive.length;) {
    const text = (field: { at: number; size: number }): string =>
      archive.toString('latin1', at + field.at, at + field.at + field.size).replace(/\0[^]*$/, '');
    const name = text(NAME);
    // Two empty blocks are the end.
    if (name === '') return;
    const prefix = text(PREFIX);
    const size = Number.parseInt(text(SIZE), 8);
    const type = String.fromCharCode(archive[at + TYPE_AT]!);
    const start = at + BLOCK;
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if (type === DIRECTORY_TYPE) continue;
    if (!FILE_TYPES.has(type)) throw new Error(`${name} is neither a file nor a directory: type ${type}`);
    yield {
      path: prefix === '' ? name : `${prefix}/${name}`,
      content: archive.subarray(start, start + size),
    };
  }
};
