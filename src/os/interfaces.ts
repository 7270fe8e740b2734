/** Interfaces, addresses and routes of the namespace a {@link RouteSocket} was opened in. */
import { constants } from 'node:os';
import { libc, SystemCallError } from './libc.ts';
import { decodeAttributes, encodeAttribute } from './netlink.ts';
import { CREATE_EXCLUSIVELY, type RouteSocket } from './route-socket.ts';
import { AF_INET, decodeIpAddress, encodeIpAddress } from './socket.ts';

/** Message types of linux/rtnetlink.h. */
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_GETROUTE = 26;

/** Interface attributes of linux/if_link.h, and the one attribute of linux/veth.h. */
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;

/** Address attributes of linux/if_addr.h, route attribute of linux/rtnetlink.h. */
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const RTA_DST = 1;

/** `IFF_UP` of linux/if.h. */
const IFF_UP = 1;

/**
 * Fixed parts: `struct ifinfomsg` and `struct rtmsg` (linux/rtnetlink.h), `struct ifaddrmsg` (linux/if_addr.h),
 * in bytes.
 */
const LINK_STRUCT = 16;
const ADDRESS_STRUCT = 8;
const ROUTE_STRUCT = 12;

/** An IPv4 network as numbers: what routes and addresses have in common. */
export interface Ipv4Network {
  /** The address as an unsigned 32-bit number; bits beyond the prefix may be set. */
  readonly address: number;
  /** 0–32. */
  readonly prefixLength: number;
}

const ifNameToIndex = libc.func('uint32_t if_nametoindex(const char *name)');

/** Number of an interface in the calling thread's namespace. */
export const interfaceIndex = (name: string): number => {
  const index: number = ifNameToIndex(name);
  if (index === 0) throw new SystemCallError('if_nametoindex');
  return index;
};

/** `struct ifinfomsg` of linux/rtnetlink.h: family, type, index, flags, and which flags are meant. */
const linkStruct = (index: number, up: boolean): Buffer => {
  const bytes = Buffer.alloc(16);
  bytes.writeInt32LE(index, 4);
  if (up) {
    bytes.writeUInt32LE(IFF_UP, 8);
    bytes.writeUInt32LE(IFF_UP, 12);
  }
  return bytes;
};

/** A pair of connected interfaces: `name` here, `peerName` in the namespace behind `peerNamespace`. */
export interface VethPair {
  readonly name: string;
  readonly peerName: string;
  /** Open descriptor of the peer's network namespace. */
  readonly peerNamespace: number;
  /** Longest packet either end sends, in bytes, at most 65535. */
  readonly mtu: number;
}

/** Makes both ends of a veth pair, each in its namespace from the start; both are down. */
export const createVethPair = (
  socket: RouteSocket,
  { name, peerName, peerNamespace, mtu }: VethPair,
): void => {
  const peer = Buffer.concat([
    linkStruct(0, false),
    encodeAttribute(IFLA_IFNAME, peerName),
    encodeAttribute(IFLA_MTU, mtu),
    encodeAttribute(IFLA_NET_NS_FD, peerNamespace),
  ]);
  const payload = Buffer.concat([
    linkStruct(0, false),
    encodeAttribute(IFLA_IFNAME, name),
    encodeAttribute(IFLA_MTU, mtu),
    encodeAttribute(IFLA_LINKINFO, [
      encodeAttribute(IFLA_INFO_KIND, 'veth'),
      encodeAttribute(IFLA_INFO_DATA, [encodeAttribute(VETH_INFO_PEER, peer)]),
    ]),
  ]);
  socket.change({ name: 'RTM_NEWLINK', type: RTM_NEWLINK, flags: CREATE_EXCLUSIVELY, payload });
};

/** Removes an interface, with a veth its peer too; one that is not there is fine. */
export const deleteInterface = (socket: RouteSocket, index: number): void => {
  try {
    socket.change({ name: 'RTM_DELLINK', type: RTM_DELLINK, payload: linkStruct(index, false) });
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === constants.errno.ENODEV) return;
    throw error;
  }
};

/** Brings an interface up. */
export const setInterfaceUp = (socket: RouteSocket, index: number): void => {
  socket.change({ name: 'RTM_NEWLINK', type: RTM_NEWLINK, payload: linkStruct(index, true) });
};

/** Gives an interface an IPv4 address; the kernel adds the route to its network once it is up. */
export const addAddress = (
  socket: RouteSocket,
  index: number,
  address: string,
  prefixLength: number,
): void => {
  const ip = encodeIpAddress(address);
  const fixed = Buffer.alloc(ADDRESS_STRUCT);
  fixed.writeUInt8(AF_INET, 0);
  fixed.writeUInt8(prefixLength, 1);
  fixed.writeUInt32LE(index, 4);
  const payload = Buffer.concat([fixed, encodeAttribute(IFA_LOCAL, ip), encodeAttribute(IFA_ADDRESS, ip)]);
  socket.change({ name: 'RTM_NEWADDR', type: RTM_NEWADDR, flags: CREATE_EXCLUSIVELY, payload });
};

/** An interface as it is. */
export interface InterfaceState {
  readonly name: string;
  /** Was it brought up? */
  readonly isUp: boolean;
  /** Its IPv4 addresses. */
  readonly addresses: readonly string[];
}

/** All interfaces of the namespace, those that are down or without an address, too. */
export const listInterfaces = (socket: RouteSocket): InterfaceState[] => {
  const addressRequest = Buffer.alloc(ADDRESS_STRUCT);
  addressRequest.writeUInt8(AF_INET, 0);
  const addresses = socket.dump({ name: 'RTM_GETADDR', type: RTM_GETADDR, payload: addressRequest });
  const byIndex = Map.groupBy(addresses, (answer) => answer.readUInt32LE(4));
  const payload = Buffer.alloc(LINK_STRUCT);
  return socket.dump({ name: 'RTM_GETLINK', type: RTM_GETLINK, payload }).map((answer) => ({
    name: cString(decodeAttributes(answer.subarray(LINK_STRUCT)).get(IFLA_IFNAME)),
    isUp: (answer.readUInt32LE(8) & IFF_UP) !== 0,
    addresses: (byIndex.get(answer.readInt32LE(4)) ?? []).flatMap((address) => {
      const own = decodeAttributes(address.subarray(ADDRESS_STRUCT)).get(IFA_LOCAL);
      return own === undefined ? [] : [decodeIpAddress(own)];
    }),
  }));
};

const cString = (bytes: Buffer = Buffer.alloc(0)): string => bytes.toString('utf8').replace(/\0.*$/, '');

/** Networks of every IPv4 address, on interfaces that are down too. */
export const listAddressNetworks = (socket: RouteSocket): Ipv4Network[] => {
  const request = Buffer.alloc(ADDRESS_STRUCT);
  request.writeUInt8(AF_INET, 0);
  return socket.dump({ name: 'RTM_GETADDR', type: RTM_GETADDR, payload: request }).flatMap((answer) => {
    const attributes = decodeAttributes(answer.subarray(ADDRESS_STRUCT));
    // On a point-to-point link IFA_ADDRESS is the other end and IFA_LOCAL our own; else they are equal.
    const network = attributes.get(IFA_ADDRESS);
    const own = attributes.get(IFA_LOCAL);
    return [
      ...(network ? [{ address: network.readUInt32BE(), prefixLength: answer.readUInt8(1) }] : []),
      ...(own ? [{ address: own.readUInt32BE(), prefixLength: 32 }] : []),
    ];
  });
};

/** Destinations of every IPv4 route in every table, whatever its type (unicast, local, blackhole, …). */
export const listRouteDestinations = (socket: RouteSocket): Ipv4Network[] => {
  const request = Buffer.alloc(ROUTE_STRUCT);
  request.writeUInt8(AF_INET, 0);
  return socket.dump({ name: 'RTM_GETROUTE', type: RTM_GETROUTE, payload: request }).map((answer) => {
    const destination = decodeAttributes(answer.subarray(ROUTE_STRUCT)).get(RTA_DST);
    return { address: destination?.readUInt32BE() ?? 0, prefixLength: answer.readUInt8(1) };
  });
};
