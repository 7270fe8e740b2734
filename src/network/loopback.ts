/** Addresses that lead back to this machine. */

/** 127.0.0.0/8, RFC 1122 section 3.2.1.3 (g). */
export const isIpv4Loopback = (address: string): boolean => address.startsWith('127.');

/** An IP address in canonical form that nobody but this machine can reach; RFC 4291 section 2.5.3. */
export const isLoopback = (address: string): boolean => address === '::1' || isIpv4Loopback(address);
