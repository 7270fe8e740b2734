/**
 * The kernel's memory of flows (connection tracking), by ctnetlink: linux/netfilter/nfnetlink.h and
 * nfnetlink_conntrack.h. For as long as a flow is remembered its packets go where the first one went,
 * whatever the rules say by then.
 */
import { constants } from 'node:os';
import { SystemCallError } from './libc.ts';
import { decodeAttributes, encodeAttribute } from './netlink.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import {
  addressFamily,
  AF_INET,
  AF_INET6,
  decodeIpAddress,
  encodeIpAddress,
  type Protocol,
} from './socket.ts';

/** linux/netlink.h */
const NETLINK_NETFILTER = 12;
const NLA_F_NESTED = 0x8000;
/** `NFNL_SUBSYS_CTNETLINK << 8`, and the messages of that subsystem. */
const CTNETLINK = 0x100;
const IPCTNL_MSG_CT_GET = CTNETLINK + 1;
const IPCTNL_MSG_CT_DELETE = CTNETLINK + 2;
/** `sizeof(struct nfgenmsg)`. */
const NFGENMSG = 4;

const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
/** Attributes of an address by family: where a packet comes from, where it goes. */
const CTA_IP = { [AF_INET]: { source: 1, destination: 2 }, [AF_INET6]: { source: 3, destination: 4 } };
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
/** `CTA_FILTER_F_*` of net/netfilter/nf_conntrack_netlink.c, since Linux 5.8. */
const BY_PROTOCOL = 1 << 3;
const BY_DESTINATION = BY_PROTOCOL | (1 << 1) | (1 << 5);

/** netinet/in.h */
const PROTOCOL_NUMBER: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17 };

type Family = typeof AF_INET | typeof AF_INET6;

/** One end of a flow. */
export interface FlowEnd {
  readonly address: string;
  /** 1–65535 */
  readonly port: number;
}

/** Where the first packet of a flow was sent. */
export interface FlowDestination extends FlowEnd {
  readonly protocol: Protocol;
}

/** Which way packets go in one direction. */
export interface FlowDirection {
  readonly source: FlowEnd;
  readonly destination: FlowEnd;
}

/** What the kernel remembers of a connection, or of datagrams between two ends. */
export interface Flow {
  /** As its first packet was sent. */
  readonly original: FlowDirection;
  /** As answers come: from where the flow was redirected to. */
  readonly reply: FlowDirection;
}

/**
 * Has the kernel forget flows, so that their next packets are looked at anew.
 * @returns how many there were
 * @throws {SystemCallError} without CAP_NET_ADMIN, or where the kernel has no ctnetlink
 */
export const forgetFlows = (destination: FlowDestination): number => {
  using socket = new NetlinkSocket(NETLINK_NETFILTER);
  return dumpTo(socket, destination).filter((flow) => forget(socket, flow)).length;
};

/**
 * The flows to one destination.
 * @throws {SystemCallError} without CAP_NET_ADMIN, or where the kernel has no ctnetlink
 */
export const flowsTo = (destination: FlowDestination): Flow[] => {
  using socket = new NetlinkSocket(NETLINK_NETFILTER);
  return dumpTo(socket, destination).flatMap((message) => decodeFlow(message) ?? []);
};

/**
 * All flows of a protocol.
 * @throws {SystemCallError} without CAP_NET_ADMIN, or where the kernel has no ctnetlink
 */
export const flowsOf = (protocol: Protocol): Flow[] => {
  using socket = new NetlinkSocket(NETLINK_NETFILTER);
  const number = encodeAttribute(CTA_PROTO_NUM, Buffer.from([PROTOCOL_NUMBER[protocol]]));
  const tuple = encodeAttribute(CTA_TUPLE_PROTO, [number]);
  return ([AF_INET, AF_INET6] as const)
    .flatMap((family) => dump(socket, { family, tuple, by: BY_PROTOCOL }))
    .flatMap((message) => decodeFlow(message) ?? []);
};

const dumpTo = (socket: NetlinkSocket, destination: FlowDestination): Buffer[] =>
  dump(socket, {
    family: addressFamily(destination.address),
    tuple: encodeDestination(destination),
    by: BY_DESTINATION,
  });

/** @param by - which parts of the tuple a flow has to share */
const dump = (
  socket: NetlinkSocket,
  { family, tuple, by }: { family: Family; tuple: Buffer; by: number },
): Buffer[] => {
  const filter = encodeAttribute(CTA_FILTER | NLA_F_NESTED, [encodeAttribute(CTA_FILTER_ORIG_FLAGS, by)]);
  return socket.dump({
    name: 'IPCTNL_MSG_CT_GET',
    type: IPCTNL_MSG_CT_GET,
    payload: Buffer.concat([headerOf(family), encodeAttribute(CTA_TUPLE_ORIG, [tuple]), filter]),
  });
};

/** struct nfgenmsg: address family, version 0, resource 0. */
const headerOf = (family: Family): Buffer => Buffer.from([family, 0, 0, 0]);

/** Undefined for what is no flow between ports. */
const decodeFlow = (message: Buffer): Flow | undefined => {
  const family = message.readUInt8(0);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attributes = decodeAttributes(message.subarray(NFGENMSG));
  const original = decodeDirection(attributes.get(CTA_TUPLE_ORIG), family);
  const reply = decodeDirection(attributes.get(CTA_TUPLE_REPLY), family);
  return original && reply && { original, reply };
};

const decodeDirection = (tuple: Buffer | undefined, family: Family): FlowDirection | undefined => {
  const parts = decodeAttributes(tuple ?? Buffer.alloc(0));
  const addresses = decodeAttributes(parts.get(CTA_TUPLE_IP) ?? Buffer.alloc(0));
  const ports = decodeAttributes(parts.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  const source = decodeEnd(addresses.get(CTA_IP[family].source), ports.get(CTA_PROTO_SRC_PORT));
  const destination = decodeEnd(addresses.get(CTA_IP[family].destination), ports.get(CTA_PROTO_DST_PORT));
  return source && destination && { source, destination };
};

const decodeEnd = (address: Buffer | undefined, port: Buffer | undefined): FlowEnd | undefined =>
  address && port && { address: decodeIpAddress(address), port: port.readUInt16BE() };

const encodeDestination = ({ protocol, address, port }: FlowDestination): Buffer => {
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16BE(port);
  return Buffer.concat([
    encodeAttribute(CTA_TUPLE_IP, [
      encodeAttribute(CTA_IP[addressFamily(address)].destination, encodeIpAddress(address)),
    ]),
    encodeAttribute(CTA_TUPLE_PROTO, [
      encodeAttribute(CTA_PROTO_NUM, Buffer.from([PROTOCOL_NUMBER[protocol]])),
      encodeAttribute(CTA_PROTO_DST_PORT, portBytes),
    ]),
  ]);
};

/** False where the flow has ended by itself. The id keeps a newer one between the same ends from harm. */
const forget = (socket: NetlinkSocket, flow: Buffer): boolean => {
  const attributes = decodeAttributes(flow.subarray(NFGENMSG));
  const names = [CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE].flatMap((type) => {
    const value = attributes.get(type);
    return value === undefined ? [] : [encodeAttribute(type, value)];
  });
  try {
    socket.change({
      name: 'IPCTNL_MSG_CT_DELETE',
      type: IPCTNL_MSG_CT_DELETE,
      payload: Buffer.concat([flow.subarray(0, NFGENMSG), ...names]),
    });
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === constants.errno.ENOENT) return false;
    throw error;
  }
};
