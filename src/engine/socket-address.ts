/** Socket addresses: `sockaddr_in` and `sockaddr_in6` (netinet/in.h, ip(7), ipv6(7)) to and from plain values. */

/** address families, socket.h */
export const AF_INET = 2;
export const AF_INET6 = 10;

/** sizeof(struct sockaddr_in6), the larger of the two, in bytes. */
const SOCKADDR_SIZE = 28;
/** sizeof(struct sockaddr_in), in bytes. */
const SOCKADDR_IN_SIZE = 16;

export interface SocketAddress {
  /** 4 bytes for IPv4, 16 for IPv6, in network order. */
  readonly ip: Uint8Array;
  /** 0–65535 */
  readonly port: number;
}

/** A sockaddr in a buffer of its own, for calls that read one or fill one in. */
export class SockaddrBuffer {
  readonly bytes: Buffer = Buffer.alloc(SOCKADDR_SIZE);
  /** socklen_t, in and out */
  readonly length = new Int32Array([SOCKADDR_SIZE]);

  /** Prepares for a call that fills an address in. */
  clear(): this {
    this.length[0] = SOCKADDR_SIZE;
    this.bytes.fill(0);
    return this;
  }

  set({ ip, port }: SocketAddress): this {
    this.clear();
    const isV6 = ip.length === 16;
    this.bytes.writeUInt16LE(isV6 ? AF_INET6 : AF_INET, 0);
    this.bytes.writeUInt16BE(port, 2);
    // sockaddr_in6 has sin6_flowinfo (4 bytes) before the address.
    this.bytes.set(ip, isV6 ? 8 : 4);
    this.length[0] = isV6 ? SOCKADDR_SIZE : SOCKADDR_IN_SIZE;
    return this;
  }

  get(): SocketAddress {
    const isV6 = this.bytes.readUInt16LE(0) === AF_INET6;
    const ip = isV6 ? this.bytes.subarray(8, 24) : this.bytes.subarray(4, 8);
    return { ip: Uint8Array.from(ip), port: this.bytes.readUInt16BE(2) };
  }
}

/** Whether an address is the loopback one: 127.0.0.0/8 (RFC 1122) or ::1 (RFC 4291). */
export const isLoopback = (ip: Uint8Array): boolean =>
  ip.length === 4 ? ip[0] === 127 : ip.every((byte, index) => byte === (index === 15 ? 1 : 0));

/** The four bytes of a dotted IPv4 address. */
export const ipv4Bytes = (address: string): Uint8Array => Uint8Array.from(address.split('.'), Number);

/** An address as text, which inet_pton(3) reads; IPv6 without the abbreviations of RFC 5952. */
export const formatIp = (ip: Uint8Array): string => {
  if (ip.length === 4) return ip.join('.');
  const { buffer, byteOffset } = ip;
  const view = new DataView(buffer, byteOffset, ip.length);
  return Array.from({ length: 8 }, (_, group) => view.getUint16(2 * group).toString(16)).join(':');
};

/** ::ffff:0:0/96, the IPv4-mapped addresses of RFC 4291 section 2.5.5.2. */
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** An IPv4 address as sockets of IPv6 see it. */
export const toMapped = (ip: Uint8Array): Uint8Array => Uint8Array.of(...MAPPED_PREFIX, ...ip);

/** The IPv4 address in an IPv4-mapped one; any other address as it is. */
export const fromMapped = (ip: Uint8Array): Uint8Array =>
  ip.length === 16 && MAPPED_PREFIX.every((byte, index) => ip[index] === byte) ? ip.subarray(12) : ip;
