/** Who is at the other end of a Unix socket: the kernel says, the other end cannot lie. */
import { check, libc } from './libc.ts';
import { SOL_SOCKET } from './socket.ts';

/** asm-generic/socket.h, the same on x86-64 and arm64. */
const SO_PEERCRED = 17;
/** `struct ucred` of linux/socket.h: process, user and group, 32 bits each. */
const UCRED_SIZE = 12;

const native = {
  getsockopt: libc.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
};

export interface PeerCredentials {
  /** Process id at the time it connected. */
  readonly pid: number;
  /** Effective ids at that time. */
  readonly uid: number;
  readonly gid: number;
}

/**
 * Credentials of whoever connected to a Unix socket (unix(7), SO_PEERCRED).
 * @throws {SystemCallError}
 */
export const peerCredentials = (fd: number): PeerCredentials => {
  const bytes = Buffer.alloc(UCRED_SIZE);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(UCRED_SIZE);
  check('getsockopt SO_PEERCRED', native.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, bytes, length));
  return { pid: bytes.readInt32LE(0), uid: bytes.readUInt32LE(4), gid: bytes.readUInt32LE(8) };
};
