/**
 * WASIX's `$addr_port` and `$addr_ip`; see docs/socket-abis.md, section 3. Their size grew over time, so
 * only the bytes that a family needs are read or written.
 */
import type { GuestMemory } from '../guest-memory.ts';
import type { SocketAddress } from '../socket-address.ts';

/** `$address_family`, the tag */
export const FAMILY = { unspecified: 0, inet4: 1, inet6: 2 } as const;

/** Offsets in `$addr_port`, in bytes: tag (u8), a padding byte, port (u16, little-endian), address. */
const PORT = 2;
const PORT_IP = 4;
/** Offset of the address in `$addr_ip`, which has no port. */
const IP = 2;

const familyOf = (ip: Uint8Array): number => (ip.length === 4 ? FAMILY.inet4 : FAMILY.inet6);

/** An address from the guest; undefined for families the engine does not serve. */
export const readAddressPort = (memory: GuestMemory, at: number): SocketAddress | undefined => {
  const family = memory.view.getUint8(at);
  if (family !== FAMILY.inet4 && family !== FAMILY.inet6) return undefined;
  const ip = Uint8Array.from(memory.slice(at + PORT_IP, family === FAMILY.inet4 ? 4 : 16));
  return { ip, port: memory.view.getUint16(at + PORT, true) };
};

/** Stores an address, or "unspecified" where there is none. */
export const writeAddressPort = (
  memory: GuestMemory,
  at: number,
  address: SocketAddress | undefined,
): void => {
  // The padding byte too: wasmer's and older guests' headers read tag and padding as one.
  memory.view.setUint16(at, address === undefined ? FAMILY.unspecified : familyOf(address.ip), true);
  memory.view.setUint16(at + PORT, address?.port ?? 0, true);
  if (address !== undefined) memory.slice(at + PORT_IP, address.ip.length).set(address.ip);
};

/** Stores an `$addr_ip`. */
export const writeIp = (memory: GuestMemory, at: number, ip: Uint8Array): void => {
  memory.view.setUint16(at, familyOf(ip), true);
  memory.slice(at + IP, ip.length).set(ip);
};
