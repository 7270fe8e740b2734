/** How WasmEdge's functions pass socket addresses; see docs/socket-abis.md, section 2. */
import { WASI } from '../errno.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { SocketAddress } from '../socket-address.ts';

/** `$address_family` */
export const FAMILY = { unspecified: 0, inet4: 1, inet6: 2 } as const;

/** Length of a v2 address: family (u16), then 4 or 16 bytes, the rest unused. */
const LONG_ADDRESS = 128;
const PORT_MASK = 0xffff;

/** The buffer an `$address` (pointer, length) describes. */
export const addressBuffer = (memory: GuestMemory, at: number): Uint8Array =>
  memory.slice(memory.view.getUint32(at, true), memory.view.getUint32(at + 4, true));

/** An address from the guest, whose kind its length tells; undefined for any other length or family. */
export const readAddress = (memory: GuestMemory, at: number, port: number): SocketAddress | undefined => {
  const buffer = addressBuffer(memory, at);
  // What is beyond 16 bits is cut off, as WasmEdge does.
  const withPort = (ip: Uint8Array): SocketAddress => ({ ip: Uint8Array.from(ip), port: port & PORT_MASK });
  if (buffer.length === 4 || buffer.length === 16) return withPort(buffer);
  if (buffer.length !== LONG_ADDRESS) return undefined;
  const family = buffer[0]! | (buffer[1]! << 8);
  if (family === FAMILY.inet4) return withPort(buffer.subarray(2, 6));
  return family === FAMILY.inet6 ? withPort(buffer.subarray(2, 18)) : undefined;
};

/** Stores an address in a buffer of 4 or 16 bytes, or with its family in one of 128. Returns 0 or -errno. */
export const writeAddress = (buffer: Uint8Array, ip: Uint8Array): number => {
  if (buffer.length === LONG_ADDRESS) {
    buffer.set([ip.length === 4 ? FAMILY.inet4 : FAMILY.inet6, 0]);
    buffer.set(ip, 2);
    return WASI.SUCCESS;
  }
  if (buffer.length !== 4 && buffer.length !== 16) return -WASI.EINVAL;
  if (buffer.length < ip.length) return -WASI.ENOMEM;
  buffer.set(ip);
  return WASI.SUCCESS;
};
