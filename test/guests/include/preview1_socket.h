/* WASI preview1: no way to open a socket; listeners are inherited, from descriptor 3 upward. */
#ifndef PREVIEW1_SOCKET_H
#define PREVIEW1_SOCKET_H

#include <stdlib.h>

#include "wasi_poll.h"

enum { FIRST_INHERITED_FD = 3 };

static inline int net_inherited_listener(int index) {
  /* systemd's convention: LISTEN_FDS holds how many listeners there are. */
  const char *count = getenv("LISTEN_FDS");
  if (count == NULL || index >= atoi(count)) return -ENOTSOCK;
  return FIRST_INHERITED_FD + index;
}

static inline int net_accept(int listener) {
  __wasi_fd_t fd;
  int error = __wasi_sock_accept(listener, __WASI_FDFLAGS_NONBLOCK, &fd);
  return error != 0 ? -error : fd;
}

#endif
