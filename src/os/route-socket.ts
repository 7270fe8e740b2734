/** A conversation with the kernel's routing side (rtnetlink(7)). */
import { NetlinkSocket } from './netlink-socket.ts';

/** linux/netlink.h */
const NETLINK_ROUTE = 0;

/** Creates the object, fails with `EEXIST` when it is there (`NLM_F_CREATE | NLM_F_EXCL`). */
export const CREATE_EXCLUSIVELY = 0x600;

export class RouteSocket extends NetlinkSocket {
  constructor() {
    super(NETLINK_ROUTE);
  }
}
