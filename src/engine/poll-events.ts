/** poll(2), bits of `events` and `revents`; epoll(7) has the same. */
export const POLLIN = 0x001;
export const POLLPRI = 0x002;
export const POLLOUT = 0x004;
/** Told whether waited for or not. */
export const POLLERR = 0x008;
export const POLLHUP = 0x010;
export const POLLNVAL = 0x020;
/** The peer says nothing more (Linux). */
export const POLLRDHUP = 0x2000;

/** What stands for a descriptor that is never ready: poll(2) ignores negative ones. */
export const NEVER_READY = -1;
