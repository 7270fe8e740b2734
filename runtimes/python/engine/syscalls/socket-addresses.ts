/** `struct sockaddr` in the guest's memory; families and layouts of musl are those of Linux. */
import { GuestFault } from '../../../../src/engine/guest-memory.ts';
import type { GuestMemory } from '../../../../src/engine/guest-memory.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import { AF_INET, AF_INET6, SockaddrBuffer } from '../../../../src/engine/socket-address.ts';
import type { SocketAddress } from '../../../../src/engine/socket-address.ts';

const SOCKADDR_IN = 16;
const SOCKADDR_IN6 = 28;
const scratch = new SockaddrBuffer();

export const readAddress = (memory: GuestMemory, address: number, length: number): SocketAddress => {
  const family = length >= 2 ? memory.view.getUint16(address, true) : 0;
  const size = family === AF_INET ? SOCKADDR_IN : SOCKADDR_IN6;
  if (family !== AF_INET && family !== AF_INET6) throw new GuestFault(WASI.EAFNOSUPPORT);
  if (length < size) throw new GuestFault(WASI.EINVAL);
  scratch.clear().bytes.set(memory.slice(address, size));
  return scratch.get();
};

/** Fills in as much as there is room for, and how much it would be; nothing where nobody wants it. */
export const writeAddress = (
  memory: GuestMemory,
  { address, length }: { address: number; length: number },
  socketAddress: SocketAddress | undefined,
): void => {
  if (address === 0 || length === 0) return;
  if (socketAddress === undefined) return memory.view.setUint32(length, 0, true);
  const { bytes, length: size } = scratch.set(socketAddress);
  const room = Math.min(memory.view.getUint32(length, true), size[0]!);
  memory.slice(address, room).set(bytes.subarray(0, room));
  memory.view.setUint32(length, size[0]!, true);
};
