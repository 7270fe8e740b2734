/* Sockets for the guest programs, in one vocabulary over four back ends.
 *
 * The back end is chosen when compiling:
 *   -DGUEST_PREVIEW1   WASI preview1: the listener exists before the program starts
 *   -DGUEST_WASMEDGE   WasmEdge's sock_* functions
 *   -DGUEST_WASIX      WASIX (wasix_32v1)
 *   (none)             native Linux, for side-by-side comparison
 *
 * Functions return a descriptor, a count or 0; on failure a negative errno, e.g. -EAGAIN. wasi-libc's
 * errno values are WASI's, so the same constants serve every back end. */
#ifndef GUEST_NET_H
#define GUEST_NET_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

/* Most descriptors one net_wait can watch; also the limit of simultaneous connections of the servers. */
enum { NET_MAX_WATCHES = 4096 };

enum net_interest { NET_READABLE, NET_WRITABLE };

struct net_ready {
  int slot;  /* the watch that is ready */
  int error; /* 0, or the errno with which waiting on it failed */
};

/* Watch `fd` in place `slot`. Slots 0 … n-1 are watched together by net_wait(n). */
static void net_watch(int slot, int fd, enum net_interest interest);

/* Sleeps until one of the first `slots` watches is ready or `timeout_ms` passed (-1: for ever).
 * Returns how many entries of `ready` (room for `slots`) were filled, 0 after the timeout. */
static int net_wait(int slots, int timeout_ms, struct net_ready *ready);

/* Next connection of a listener, non-blocking; -EAGAIN if none waits and the listener is non-blocking. */
static int net_accept(int listener);
static int net_recv(int fd, void *buffer, size_t size);
/* Like net_recv, but the bytes stay to be received. */
static int net_peek(int fd, void *buffer, size_t size);
static int net_send(int fd, const void *bytes, size_t size);
static int net_set_nonblocking(int fd);
static int net_shutdown_write(int fd);
static void net_close(int fd);

#ifdef GUEST_PREVIEW1

/* The `index`th listener that was opened before the program started. */
static int net_inherited_listener(int index);

#else

struct net_address {
  int family; /* 4 or 6 */
  uint8_t ip[16];
  uint16_t port; /* host byte order */
};

enum net_type { NET_STREAM, NET_DATAGRAM };

static int net_open(int family, enum net_type type);
static int net_bind(int fd, const struct net_address *address);
static int net_listen(int fd, int backlog);
static int net_connect(int fd, const struct net_address *address);
static int net_recv_from(int fd, void *buffer, size_t size, struct net_address *from);
static int net_send_to(int fd, const void *bytes, size_t size, const struct net_address *to);
static int net_local_address(int fd, struct net_address *address);
static int net_peer_address(int fd, struct net_address *address);
/* Lets a listener take its port although connections of a former one linger. */
static int net_reuse_address(int fd);
/* The error a non-blocking connect ended with, 0 if it succeeded. */
static int net_pending_error(int fd);
/* Looks `host` up; returns how many addresses were stored. */
static int net_resolve(const char *host, uint16_t port, struct net_address *addresses, int max);

#endif

#if defined(GUEST_PREVIEW1)
#include "preview1_socket.h"
#elif defined(GUEST_WASMEDGE)
#include "wasmedge_socket.h"
#elif defined(GUEST_WASIX)
#include "wasix_socket.h"
#else
#include "posix_socket.h"
#endif

#ifndef GUEST_PREVIEW1

/* Reads a dotted IPv4 address such as 127.0.0.1; 0 if `text` is not one. */
static inline int net_parse_ipv4(const char *text, uint16_t port, struct net_address *address) {
  address->family = 4;
  address->port = port;
  for (int i = 0; i < 4; i++) {
    unsigned octet = 0;
    int digits = 0;
    for (; *text >= '0' && *text <= '9' && digits < 3; text++, digits++) octet = octet * 10 + (unsigned)(*text - '0');
    if (digits == 0 || octet > 255 || *text != (i < 3 ? '.' : '\0')) return 0;
    address->ip[i] = (uint8_t)octet;
    text++;
  }
  return 1;
}

/* A listening TCP socket on `ip` (dotted IPv4). */
static inline int net_open_listener(const char *ip, uint16_t port) {
  struct net_address address;
  if (!net_parse_ipv4(ip, port, &address)) return -EINVAL;
  int fd = net_open(4, NET_STREAM);
  if (fd < 0) return fd;
  int error = net_reuse_address(fd);
  if (error == 0) error = net_bind(fd, &address);
  if (error == 0) error = net_listen(fd, 511);
  if (error == 0) return fd;
  net_close(fd);
  return error;
}

#endif
#endif
