/** Addresses as the guest's library shows them. */
import { formatIp, fromMapped } from '../../../src/engine/socket-address.ts';
import type { SocketAddress } from '../../../src/engine/socket-address.ts';

/** Family, port and address with spaces between. */
export const printedAddress = ({ ip, port }: SocketAddress): string =>
  `${ip.length === 4 ? 'IPv4' : 'IPv6'} ${port} ${canonicalIp(ip)}`;

/** The form of RFC 5952, which the URL standard has for hosts as well but for IPv4 addresses in IPv6 (section 5). */
export const canonicalIp = (ip: Uint8Array): string => {
  const inner = fromMapped(ip);
  if (inner.length === 4) return ip.length === 4 ? formatIp(ip) : `::ffff:${formatIp(inner)}`;
  return new URL(`http://[${formatIp(ip)}]/`).hostname.slice(1, -1);
};
