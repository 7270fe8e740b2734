/* Native Linux: what the WebAssembly back ends are compared with. */
#ifndef POSIX_SOCKET_H
#define POSIX_SOCKET_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct pollfd posix_watches[NET_MAX_WATCHES];

static inline void net_watch(int slot, int fd, enum net_interest interest) {
  posix_watches[slot].fd = fd;
  posix_watches[slot].events = interest == NET_WRITABLE ? POLLOUT : POLLIN;
}

static inline int net_wait(int slots, int timeout_ms, struct net_ready *ready) {
  int pending = poll(posix_watches, (nfds_t)slots, timeout_ms);
  if (pending < 0) return -errno;
  int ready_count = 0;
  for (int slot = 0; slot < slots && pending > 0; slot++) {
    if (posix_watches[slot].revents == 0) continue;
    pending--;
    ready[ready_count].slot = slot;
    ready[ready_count].error = (posix_watches[slot].revents & POLLNVAL) ? EBADF : 0;
    ready_count++;
  }
  return ready_count;
}

/* A libc result as this header's convention wants it. */
static inline int posix_result(ssize_t result) { return result < 0 ? -errno : (int)result; }

static inline int net_accept(int listener) {
  int fd = posix_result(accept(listener, NULL, NULL));
  if (fd >= 0) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

static inline int net_recv(int fd, void *buffer, size_t size) { return posix_result(recv(fd, buffer, size, 0)); }

static inline int net_peek(int fd, void *buffer, size_t size) { return posix_result(recv(fd, buffer, size, MSG_PEEK)); }

static inline int net_send(int fd, const void *bytes, size_t size) {
  return posix_result(send(fd, bytes, size, MSG_NOSIGNAL));
}

static inline int net_set_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 ? -errno : posix_result(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

static inline int net_shutdown_write(int fd) { return posix_result(shutdown(fd, SHUT_WR)); }

static inline void net_close(int fd) { close(fd); }

static inline int net_open(int family, enum net_type type) {
  return posix_result(socket(family == 6 ? AF_INET6 : AF_INET, type == NET_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM, 0));
}

static inline socklen_t posix_from_address(const struct net_address *address, struct sockaddr_storage *storage) {
  memset(storage, 0, sizeof *storage);
  if (address->family == 6) {
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)storage;
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(address->port);
    memcpy(&ipv6->sin6_addr, address->ip, 16);
    return sizeof *ipv6;
  }
  struct sockaddr_in *ipv4 = (struct sockaddr_in *)storage;
  ipv4->sin_family = AF_INET;
  ipv4->sin_port = htons(address->port);
  memcpy(&ipv4->sin_addr, address->ip, 4);
  return sizeof *ipv4;
}

static inline void posix_to_address(const struct sockaddr *source, struct net_address *address) {
  if (source->sa_family == AF_INET6) {
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)source;
    address->family = 6;
    address->port = ntohs(ipv6->sin6_port);
    memcpy(address->ip, &ipv6->sin6_addr, 16);
    return;
  }
  const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)source;
  address->family = 4;
  address->port = ntohs(ipv4->sin_port);
  memcpy(address->ip, &ipv4->sin_addr, 4);
}

static inline int net_bind(int fd, const struct net_address *address) {
  struct sockaddr_storage storage;
  socklen_t length = posix_from_address(address, &storage);
  return posix_result(bind(fd, (struct sockaddr *)&storage, length));
}

static inline int net_listen(int fd, int backlog) { return posix_result(listen(fd, backlog)); }

static inline int net_connect(int fd, const struct net_address *address) {
  struct sockaddr_storage storage;
  socklen_t length = posix_from_address(address, &storage);
  return posix_result(connect(fd, (struct sockaddr *)&storage, length));
}

static inline int net_recv_from(int fd, void *buffer, size_t size, struct net_address *from) {
  struct sockaddr_storage storage;
  socklen_t length = sizeof storage;
  int received = posix_result(recvfrom(fd, buffer, size, 0, (struct sockaddr *)&storage, &length));
  if (received >= 0) posix_to_address((struct sockaddr *)&storage, from);
  return received;
}

static inline int net_send_to(int fd, const void *bytes, size_t size, const struct net_address *to) {
  struct sockaddr_storage storage;
  socklen_t length = posix_from_address(to, &storage);
  return posix_result(sendto(fd, bytes, size, MSG_NOSIGNAL, (struct sockaddr *)&storage, length));
}

static inline int net_local_address(int fd, struct net_address *address) {
  struct sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
  posix_to_address((struct sockaddr *)&storage, address);
  return 0;
}

static inline int net_peer_address(int fd, struct net_address *address) {
  struct sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (getpeername(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
  posix_to_address((struct sockaddr *)&storage, address);
  return 0;
}

static inline int net_reuse_address(int fd) {
  int on = 1;
  return posix_result(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
}

static inline int net_pending_error(int fd) {
  int pending = 0;
  socklen_t size = sizeof pending;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &size) < 0) return -errno;
  return -pending;
}

static inline int net_resolve(const char *host, uint16_t port, struct net_address *addresses, int max) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo *found;
  if (getaddrinfo(host, NULL, &hints, &found) != 0) return -ENOENT;
  int count = 0;
  for (struct addrinfo *info = found; info != NULL && count < max; info = info->ai_next) {
    posix_to_address(info->ai_addr, &addresses[count]);
    addresses[count++].port = port;
  }
  freeaddrinfo(found);
  return count;
}

#endif
