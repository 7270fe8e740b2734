/**
 * The kernel's memory of IPv4 flows (connection tracking), by ctnetlink: linux/netfilter/nfnetlink.h and
 * nfnetlink_conntrack.h. For as long as a flow is remembered its packets go where the first one went,
 * whatever the rules say by then.
 */
import { constants } from 'node:os';
import { SystemCallError } from './libc.ts';
import { decodeAttributes, encodeAttribute } from './netlink.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import { AF_INET, encodeIpAddress, type Protocol } from './socket.ts';

/** linux/netlink.h */
const NETLINK_NETFILTER = 12;
const NLA_F_NESTED = 0x8000;
/** `NFNL_SUBSYS_CTNETLINK << 8`, and the messages of that subsystem. */
const CTNETLINK = 0x100;
const IPCTNL_MSG_CT_GET = CTNETLINK + 1;
const IPCTNL_MSG_CT_DELETE = CTNETLINK + 2;
/** struct nfgenmsg: address family, version 0, resource 0. */
const NFGENMSG = Buffer.from([AF_INET, 0, 0, 0]);

const CTA_TUPLE_ORIG = 1;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_DST = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
/** `CTA_FILTER_F_*` of net/netfilter/nf_conntrack_netlink.c, since Linux 5.8. */
const BY_DESTINATION = (1 << 1) | (1 << 3) | (1 << 5);

/** netinet/in.h */
const PROTOCOL_NUMBER: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17 };

/** Where the first packet of a flow was sent. */
export interface FlowDestination {
  readonly protocol: Protocol;
  /** IPv4 address. */
  readonly address: string;
  /** 1–65535 */
  readonly port: number;
}

/**
 * Has the kernel forget flows, so that their next packets are looked at anew.
 * @returns how many there were
 * @throws {SystemCallError} without CAP_NET_ADMIN, or where the kernel has no ctnetlink
 */
export const forgetFlows = (destination: FlowDestination): number => {
  using socket = new NetlinkSocket(NETLINK_NETFILTER);
  const tuple = encodeDestination(destination);
  const filter = encodeAttribute(CTA_FILTER | NLA_F_NESTED, [
    encodeAttribute(CTA_FILTER_ORIG_FLAGS, BY_DESTINATION),
  ]);
  const flows = socket.dump({
    name: 'IPCTNL_MSG_CT_GET',
    type: IPCTNL_MSG_CT_GET,
    payload: Buffer.concat([NFGENMSG, encodeAttribute(CTA_TUPLE_ORIG, [tuple]), filter]),
  });
  return flows.filter((flow) => forget(socket, flow)).length;
};

const encodeDestination = ({ protocol, address, port }: FlowDestination): Buffer => {
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16BE(port);
  return Buffer.concat([
    encodeAttribute(CTA_TUPLE_IP, [encodeAttribute(CTA_IP_V4_DST, encodeIpAddress(address))]),
    encodeAttribute(CTA_TUPLE_PROTO, [
      encodeAttribute(CTA_PROTO_NUM, Buffer.from([PROTOCOL_NUMBER[protocol]])),
      encodeAttribute(CTA_PROTO_DST_PORT, portBytes),
    ]),
  ]);
};

/** False where the flow has ended by itself. The id keeps a newer one between the same ends from harm. */
const forget = (socket: NetlinkSocket, flow: Buffer): boolean => {
  const attributes = decodeAttributes(flow.subarray(NFGENMSG.length));
  const names = [CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE].flatMap((type) => {
    const value = attributes.get(type);
    return value === undefined ? [] : [encodeAttribute(type, value)];
  });
  try {
    socket.change({
      name: 'IPCTNL_MSG_CT_DELETE',
      type: IPCTNL_MSG_CT_DELETE,
      payload: Buffer.concat([NFGENMSG, ...names]),
    });
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === constants.errno.ENOENT) return false;
    throw error;
  }
};
