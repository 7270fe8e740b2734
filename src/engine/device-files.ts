/** `/dev` of a guest: the devices of Linux that are nobody's (null(4), full(4), random(4)), without the host's own. */
import { Descriptor, FILETYPE } from './descriptor.ts';
import type { DirectoryEntry, FileStat, OpenRequest } from './descriptor.ts';
import { WASI } from './errno.ts';
import type { GuestMemory } from './guest-memory.ts';
import { fillRandom } from './random.ts';

/** What reading and writing do: fills a buffer and returns how much it filled; or takes so many bytes. */
interface Device {
  fill(buffer: Uint8Array): number;
  readonly isFull?: boolean;
}

const zeros: Device['fill'] = (buffer) => buffer.fill(0).length;
const random: Device = {
  fill(buffer) {
    fillRandom(buffer);
    return buffer.length;
  },
};

const DEVICES: ReadonlyMap<string, Device> = new Map([
  ['null', { fill: () => 0 }],
  ['zero', { fill: zeros }],
  ['full', { fill: zeros, isFull: true }],
  ['random', random],
  ['urandom', random],
]);
const NAMES = [...DEVICES.keys()];

/** Numbers apart from those of mounted directories and in-memory file systems. */
const DEVICE_NUMBER = (1n << 32n) - 1n;
const DEVICE_MODE = 0o020666;
const DIRECTORY_MODE = 0o040555;
const BLOCK = 4096n;

const statusOf = (filetype: number, mode: number, inode: bigint): FileStat => {
  const times = { atim: 0n, mtim: 0n, ctim: 0n, birthtim: 0n };
  const room = { size: 0n, rdev: 0n, blksize: BLOCK, blocks: 0n };
  return { dev: DEVICE_NUMBER, ino: inode, filetype, nlink: 1n, ...room, ...times, mode };
};
const deviceStatus = (name: string): FileStat =>
  statusOf(FILETYPE.characterDevice, DEVICE_MODE, BigInt(NAMES.indexOf(name) + 2));

class DeviceFile extends Descriptor {
  override readonly filetype = FILETYPE.characterDevice;
  readonly #name: string;
  readonly #device: Device;

  constructor(name: string, device: Device) {
    super();
    this.#name = name;
    this.#device = device;
  }

  override read(memory: GuestMemory): number {
    let length = 0;
    for (let index = 0; index < memory.iovCount; index += 1) {
      length += this.#device.fill(memory.slice(memory.iovPointers[index]!, memory.iovLengths[index]!));
    }
    return length;
  }
  override write(memory: GuestMemory): number {
    return this.#device.isFull === true && memory.iovTotal > 0 ? -WASI.ENOSPC : memory.iovTotal;
  }
  override pread(memory: GuestMemory): number {
    return this.read(memory);
  }
  override pwrite(memory: GuestMemory): number {
    return this.write(memory);
  }
  override seek(): bigint {
    return 0n;
  }
  override stat(): FileStat {
    return deviceStatus(this.#name);
  }
}

export class DeviceDirectory extends Descriptor {
  override readonly filetype = FILETYPE.directory;

  override read(): number {
    return -WASI.EISDIR;
  }
  override stat(): FileStat {
    return statusOf(FILETYPE.directory, DIRECTORY_MODE, 1n);
  }

  override *entries(cookie: bigint): Generator<DirectoryEntry> {
    const all = ['.', '..', ...NAMES];
    for (let index = Number(cookie); index < all.length; index += 1) {
      const name = all[index]!;
      const filetype = DEVICES.has(name) ? FILETYPE.characterDevice : FILETYPE.directory;
      yield { name: Buffer.from(name), ino: BigInt(Math.max(1, index)), filetype, next: BigInt(index + 1) };
    }
  }

  override open({ path, directory, create, exclusive, write }: OpenRequest): Descriptor | number {
    const name = path.toString();
    if (isItself(name)) return write ? -WASI.EISDIR : new DeviceDirectory();
    const device = DEVICES.get(name);
    if (device === undefined) return create ? -WASI.EROFS : -WASI.ENOENT;
    if (directory) return -WASI.ENOTDIR;
    return create && exclusive ? -WASI.EEXIST : new DeviceFile(name, device);
  }
  override statAt(path: Buffer): FileStat | number {
    const name = path.toString();
    if (isItself(name)) return this.stat();
    return DEVICES.has(name) ? deviceStatus(name) : -WASI.ENOENT;
  }
  override accessAt(path: Buffer): number {
    const found = this.statAt(path);
    return typeof found === 'number' ? found : 0;
  }
  override readLink(path: Buffer): number {
    const found = this.statAt(path);
    return typeof found === 'number' ? found : -WASI.EINVAL;
  }

  // Nothing can be changed here.
  override makeDirectory(path: Buffer): number {
    return typeof this.statAt(path) === 'number' ? -WASI.EROFS : -WASI.EEXIST;
  }
  override removeDirectory(): number {
    return -WASI.EROFS;
  }
  override unlink(): number {
    return -WASI.EROFS;
  }
  override rename(): number {
    return -WASI.EROFS;
  }
  override link(): number {
    return -WASI.EROFS;
  }
  override symlink(): number {
    return -WASI.EROFS;
  }
  override setTimesAt(): number {
    return -WASI.EROFS;
  }
  override setModeAt(): number {
    return -WASI.EROFS;
  }
}

const isItself = (name: string): boolean => name === '' || name === '.';
