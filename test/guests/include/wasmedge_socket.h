/* WasmEdge's socket functions. Layouts and constants: docs/socket-abis.md, section 2. */
#ifndef WASMEDGE_SOCKET_H
#define WASMEDGE_SOCKET_H

#include <string.h>

#include "wasi_poll.h"

struct wasmedge_address {
  uint8_t *bytes;
  uint32_t length;
};

struct wasmedge_sockaddr {
  uint8_t family;
  uint32_t data_length;
  uint8_t *data;
};

struct wasmedge_addrinfo {
  uint16_t flags;
  uint8_t family;
  uint8_t type;
  uint8_t protocol;
  uint32_t address_length;
  struct wasmedge_sockaddr *address;
  char *canonical_name;
  uint32_t canonical_name_length;
  struct wasmedge_addrinfo *next;
};
_Static_assert(sizeof(struct wasmedge_addrinfo) == 28, "layout of WasmEdge's addrinfo");

enum { WASMEDGE_INET4 = 1, WASMEDGE_INET6 = 2 };
enum { WASMEDGE_DATAGRAM = 1, WASMEDGE_STREAM = 2 };
enum { WASMEDGE_SOL_SOCKET = 0, WASMEDGE_SO_REUSEADDR = 0, WASMEDGE_SO_ERROR = 2 };
/* Long addresses (v2): family u16, then the address. */
enum { WASMEDGE_LONG_ADDRESS = 128 };

#define WASMEDGE(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

WASMEDGE(sock_open) int wasmedge_open(int family, int type, uint32_t *fd);
WASMEDGE(sock_bind) int wasmedge_bind(int fd, struct wasmedge_address *address, uint32_t port);
WASMEDGE(sock_listen) int wasmedge_listen(int fd, int backlog);
WASMEDGE(sock_accept) int wasmedge_accept(int fd, uint32_t *connection);
WASMEDGE(sock_connect) int wasmedge_connect(int fd, struct wasmedge_address *address, uint32_t port);
/* Eight parameters: the v2 form, which also tells the sender's port. */
WASMEDGE(sock_recv_from)
int wasmedge_recv_from(int fd, __wasi_iovec_t *target, uint32_t count, struct wasmedge_address *address, int flags,
                       uint32_t *port, uint32_t *received, uint32_t *result_flags);
WASMEDGE(sock_send_to)
int wasmedge_send_to(int fd, __wasi_ciovec_t *source, uint32_t count, struct wasmedge_address *address, uint32_t port,
                     int flags, uint32_t *sent);
WASMEDGE(sock_getlocaladdr)
int wasmedge_local_address(int fd, struct wasmedge_address *address, uint32_t *type, uint32_t *port);
WASMEDGE(sock_getpeeraddr)
int wasmedge_peer_address(int fd, struct wasmedge_address *address, uint32_t *type, uint32_t *port);
WASMEDGE(sock_setsockopt) int wasmedge_set_option(int fd, int level, int name, const void *value, uint32_t size);
WASMEDGE(sock_getsockopt) int wasmedge_get_option(int fd, int level, int name, void *value, uint32_t *size);
WASMEDGE(sock_getaddrinfo)
int wasmedge_getaddrinfo(const char *node, uint32_t node_length, const char *service, uint32_t service_length,
                         const struct wasmedge_addrinfo *hints, struct wasmedge_addrinfo **results, uint32_t max,
                         uint32_t *count);

static inline int net_open(int family, enum net_type type) {
  uint32_t fd;
  int error = wasmedge_open(family == 6 ? WASMEDGE_INET6 : WASMEDGE_INET4,
                            type == NET_DATAGRAM ? WASMEDGE_DATAGRAM : WASMEDGE_STREAM, &fd);
  return error != 0 ? -error : (int)fd;
}

static inline struct wasmedge_address wasmedge_short_address(const struct net_address *address) {
  return (struct wasmedge_address){(uint8_t *)address->ip, address->family == 6 ? 16 : 4};
}

static inline int net_bind(int fd, const struct net_address *address) {
  struct wasmedge_address where = wasmedge_short_address(address);
  return -wasmedge_bind(fd, &where, address->port);
}

static inline int net_listen(int fd, int backlog) { return -wasmedge_listen(fd, backlog); }

static inline int net_accept(int listener) {
  uint32_t fd;
  int error = wasmedge_accept(listener, &fd);
  if (error != 0) return -error;
  net_set_nonblocking((int)fd); /* never inherited from the listener */
  return (int)fd;
}

static inline int net_connect(int fd, const struct net_address *address) {
  struct wasmedge_address where = wasmedge_short_address(address);
  return -wasmedge_connect(fd, &where, address->port);
}

static inline int net_recv_from(int fd, void *buffer, size_t size, struct net_address *from) {
  __wasi_iovec_t target = {buffer, size};
  uint8_t bytes[WASMEDGE_LONG_ADDRESS] = {0};
  struct wasmedge_address sender = {bytes, sizeof bytes};
  uint32_t port = 0, received, flags;
  int error = wasmedge_recv_from(fd, &target, 1, &sender, 0, &port, &received, &flags);
  if (error != 0) return -error;
  from->family = bytes[0] == WASMEDGE_INET6 ? 6 : 4;
  from->port = (uint16_t)port;
  memcpy(from->ip, bytes + 2, 16);
  return (int)received;
}

static inline int net_send_to(int fd, const void *bytes, size_t size, const struct net_address *to) {
  __wasi_ciovec_t source = {bytes, size};
  struct wasmedge_address where = wasmedge_short_address(to);
  uint32_t sent;
  int error = wasmedge_send_to(fd, &source, 1, &where, to->port, 0, &sent);
  return error != 0 ? -error : (int)sent;
}

static inline int wasmedge_store_address(int error, uint32_t type, uint32_t port, struct net_address *address) {
  address->family = (int)type; /* 4 or 6 already */
  address->port = (uint16_t)port;
  return -error;
}

static inline int net_local_address(int fd, struct net_address *address) {
  struct wasmedge_address where = {address->ip, sizeof address->ip};
  uint32_t type = 0, port = 0;
  int error = wasmedge_local_address(fd, &where, &type, &port);
  return wasmedge_store_address(error, type, port, address);
}

static inline int net_peer_address(int fd, struct net_address *address) {
  struct wasmedge_address where = {address->ip, sizeof address->ip};
  uint32_t type = 0, port = 0;
  int error = wasmedge_peer_address(fd, &where, &type, &port);
  return wasmedge_store_address(error, type, port, address);
}

static inline int net_reuse_address(int fd) {
  int on = 1;
  return -wasmedge_set_option(fd, WASMEDGE_SOL_SOCKET, WASMEDGE_SO_REUSEADDR, &on, sizeof on);
}

static inline int net_pending_error(int fd) {
  int pending = 0;
  uint32_t size = sizeof pending;
  int error = wasmedge_get_option(fd, WASMEDGE_SOL_SOCKET, WASMEDGE_SO_ERROR, &pending, &size);
  return error != 0 ? -error : -pending;
}

static inline int net_resolve(const char *host, uint16_t port, struct net_address *addresses, int max) {
  enum { MOST = 16, SOCKADDR_DATA = 26, NAME = 256 };
  static struct wasmedge_addrinfo infos[MOST];
  static struct wasmedge_sockaddr sockaddrs[MOST];
  static uint8_t data[MOST][SOCKADDR_DATA];
  static char names[MOST][NAME];
  if (max > MOST) max = MOST;
  for (int i = 0; i < max; i++) {
    sockaddrs[i] = (struct wasmedge_sockaddr){.data_length = SOCKADDR_DATA, .data = data[i]};
    infos[i] = (struct wasmedge_addrinfo){.address = &sockaddrs[i],
                                          .canonical_name = names[i],
                                          .canonical_name_length = NAME,
                                          .next = i + 1 < max ? &infos[i + 1] : NULL};
  }
  struct wasmedge_addrinfo hints = {.type = WASMEDGE_STREAM};
  struct wasmedge_addrinfo *first = infos;
  uint32_t count = 0;
  int error = wasmedge_getaddrinfo(host, strlen(host), "", 0, &hints, &first, (uint32_t)max, &count);
  if (error != 0) return -error;
  for (uint32_t i = 0; i < count; i++) {
    /* data: port (2), for IPv6 flow info (4), address */
    int is_ipv6 = infos[i].family == WASMEDGE_INET6;
    addresses[i].family = is_ipv6 ? 6 : 4;
    addresses[i].port = port;
    memcpy(addresses[i].ip, data[i] + (is_ipv6 ? 6 : 2), is_ipv6 ? 16 : 4);
  }
  return (int)count;
}

#endif
