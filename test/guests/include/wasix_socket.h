/* WASIX's socket functions. Layouts and constants: docs/socket-abis.md, section 3. */
#ifndef WASIX_SOCKET_H
#define WASIX_SOCKET_H

#include <string.h>

#include "wasi_poll.h"

enum { WASIX_INET4 = 1, WASIX_INET6 = 2 };
enum { WASIX_STREAM = 1, WASIX_DATAGRAM = 2 };
enum { WASIX_TCP = 6, WASIX_UDP = 17 };
enum { WASIX_REUSE_ADDR = 2 };
enum { WASIX_STATUS_FAILED = 3 };

struct wasix_addr_port {
  uint8_t tag;
  uint8_t padding;
  uint16_t port; /* little-endian, not network order */
  uint8_t ip[106];
};
_Static_assert(sizeof(struct wasix_addr_port) == 110, "layout of WASIX's addr_port");

struct wasix_addr_ip {
  uint8_t tag;
  uint8_t padding;
  uint8_t ip[16];
};

#define WASIX(name) __attribute__((import_module("wasix_32v1"), import_name(#name)))

WASIX(sock_open) int wasix_open(int family, int type, int protocol, uint32_t *fd);
WASIX(sock_bind) int wasix_bind(int fd, const struct wasix_addr_port *address);
WASIX(sock_listen) int wasix_listen(int fd, uint32_t backlog);
WASIX(sock_accept_v2) int wasix_accept(int fd, int flags, uint32_t *connection, struct wasix_addr_port *peer);
WASIX(sock_connect) int wasix_connect(int fd, const struct wasix_addr_port *address);
WASIX(sock_recv_from)
int wasix_recv_from(int fd, __wasi_iovec_t *target, uint32_t count, int flags, uint32_t *received,
                    uint16_t *result_flags, struct wasix_addr_port *from);
WASIX(sock_send_to)
int wasix_send_to(int fd, __wasi_ciovec_t *source, uint32_t count, int flags, const struct wasix_addr_port *to,
                  uint32_t *sent);
WASIX(sock_addr_local) int wasix_local_address(int fd, struct wasix_addr_port *address);
WASIX(sock_addr_peer) int wasix_peer_address(int fd, struct wasix_addr_port *address);
WASIX(sock_set_opt_flag) int wasix_set_flag(int fd, int option, int on);
WASIX(sock_status) int wasix_status(int fd, uint8_t *status);
WASIX(resolve)
int wasix_resolve(const char *host, uint32_t host_length, int port, struct wasix_addr_ip *addresses, uint32_t max,
                  uint32_t *count);

static inline struct wasix_addr_port wasix_from_address(const struct net_address *address) {
  struct wasix_addr_port result = {.tag = address->family == 6 ? WASIX_INET6 : WASIX_INET4, .port = address->port};
  memcpy(result.ip, address->ip, sizeof address->ip);
  return result;
}

static inline void wasix_to_address(const struct wasix_addr_port *source, struct net_address *address) {
  address->family = source->tag == WASIX_INET6 ? 6 : 4;
  address->port = source->port;
  memcpy(address->ip, source->ip, sizeof address->ip);
}

static inline int net_open(int family, enum net_type type) {
  uint32_t fd;
  int error = wasix_open(family == 6 ? WASIX_INET6 : WASIX_INET4, type == NET_DATAGRAM ? WASIX_DATAGRAM : WASIX_STREAM,
                         type == NET_DATAGRAM ? WASIX_UDP : WASIX_TCP, &fd);
  return error != 0 ? -error : (int)fd;
}

static inline int net_bind(int fd, const struct net_address *address) {
  struct wasix_addr_port where = wasix_from_address(address);
  return -wasix_bind(fd, &where);
}

static inline int net_listen(int fd, int backlog) { return -wasix_listen(fd, (uint32_t)backlog); }

static inline int net_accept(int listener) {
  uint32_t fd;
  struct wasix_addr_port peer;
  int error = wasix_accept(listener, __WASI_FDFLAGS_NONBLOCK, &fd, &peer);
  return error != 0 ? -error : (int)fd;
}

static inline int net_connect(int fd, const struct net_address *address) {
  struct wasix_addr_port where = wasix_from_address(address);
  return -wasix_connect(fd, &where);
}

static inline int net_recv_from(int fd, void *buffer, size_t size, struct net_address *from) {
  __wasi_iovec_t target = {buffer, size};
  struct wasix_addr_port sender = {0};
  uint32_t received;
  uint16_t flags;
  int error = wasix_recv_from(fd, &target, 1, 0, &received, &flags, &sender);
  if (error != 0) return -error;
  wasix_to_address(&sender, from);
  return (int)received;
}

static inline int net_send_to(int fd, const void *bytes, size_t size, const struct net_address *to) {
  __wasi_ciovec_t source = {bytes, size};
  struct wasix_addr_port where = wasix_from_address(to);
  uint32_t sent;
  int error = wasix_send_to(fd, &source, 1, 0, &where, &sent);
  return error != 0 ? -error : (int)sent;
}

static inline int net_local_address(int fd, struct net_address *address) {
  struct wasix_addr_port result = {0};
  int error = wasix_local_address(fd, &result);
  wasix_to_address(&result, address);
  return -error;
}

static inline int net_peer_address(int fd, struct net_address *address) {
  struct wasix_addr_port result = {0};
  int error = wasix_peer_address(fd, &result);
  wasix_to_address(&result, address);
  return -error;
}

static inline int net_reuse_address(int fd) { return -wasix_set_flag(fd, WASIX_REUSE_ADDR, 1); }

/* WASIX has no SO_ERROR; it has a status, without the reason. */
static inline int net_pending_error(int fd) {
  uint8_t status = 0;
  int error = wasix_status(fd, &status);
  if (error != 0) return -error;
  return status == WASIX_STATUS_FAILED ? -ECONNREFUSED : 0;
}

static inline int net_resolve(const char *host, uint16_t port, struct net_address *addresses, int max) {
  enum { MOST = 16 };
  struct wasix_addr_ip found[MOST] = {0};
  uint32_t count = 0;
  int error = wasix_resolve(host, strlen(host), port, found, (uint32_t)(max < MOST ? max : MOST), &count);
  if (error != 0) return -error;
  for (uint32_t i = 0; i < count; i++) {
    addresses[i].family = found[i].tag == WASIX_INET6 ? 6 : 4;
    addresses[i].port = port;
    memcpy(addresses[i].ip, found[i].ip, sizeof addresses[i].ip);
  }
  return (int)count;
}

#endif
