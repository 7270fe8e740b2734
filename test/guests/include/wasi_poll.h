/* Waiting, shared by the three WebAssembly back ends: all of them use preview1's poll_oneoff. */
#ifndef WASI_POLL_H
#define WASI_POLL_H

#include <unistd.h>
#include <wasi/api.h>

/* One more than the watches: the timeout is a subscription too. */
static __wasi_subscription_t wasi_subscriptions[NET_MAX_WATCHES + 1];
static __wasi_event_t wasi_events[NET_MAX_WATCHES + 1];

static inline void net_watch(int slot, int fd, enum net_interest interest) {
  __wasi_subscription_t *subscription = &wasi_subscriptions[slot];
  subscription->userdata = (uint64_t)slot;
  subscription->u.tag = interest == NET_WRITABLE ? __WASI_EVENTTYPE_FD_WRITE : __WASI_EVENTTYPE_FD_READ;
  subscription->u.u.fd_read.file_descriptor = fd;
}

static inline int net_wait(int slots, int timeout_ms, struct net_ready *ready) {
  __wasi_subscription_t displaced = wasi_subscriptions[slots];
  if (timeout_ms >= 0) {
    __wasi_subscription_t *timer = &wasi_subscriptions[slots];
    timer->userdata = (uint64_t)slots;
    timer->u.tag = __WASI_EVENTTYPE_CLOCK;
    timer->u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
    timer->u.u.clock.timeout = (uint64_t)timeout_ms * 1000000;
    timer->u.u.clock.precision = 0;
    timer->u.u.clock.flags = 0;
  }
  __wasi_size_t event_count = 0;
  int error = __wasi_poll_oneoff(wasi_subscriptions, wasi_events, slots + (timeout_ms >= 0), &event_count);
  wasi_subscriptions[slots] = displaced;
  if (error != 0) return -error;
  int ready_count = 0;
  for (__wasi_size_t i = 0; i < event_count; i++) {
    if (wasi_events[i].type == __WASI_EVENTTYPE_CLOCK) continue;
    ready[ready_count].slot = (int)wasi_events[i].userdata;
    ready[ready_count].error = wasi_events[i].error;
    ready_count++;
  }
  return ready_count;
}

static inline int net_set_nonblocking(int fd) {
  return -(int)__wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_NONBLOCK);
}

static inline int net_shutdown_write(int fd) { return -(int)__wasi_sock_shutdown(fd, __WASI_SDFLAGS_WR); }

static inline void net_close(int fd) { close(fd); }

/* sock_recv and sock_send are preview1's in every ABI. */
static inline int wasi_recv(int fd, void *buffer, size_t size, __wasi_riflags_t how) {
  __wasi_iovec_t target = {buffer, size};
  __wasi_size_t received;
  __wasi_roflags_t flags;
  int error = __wasi_sock_recv(fd, &target, 1, how, &received, &flags);
  return error != 0 ? -error : (int)received;
}

static inline int net_recv(int fd, void *buffer, size_t size) { return wasi_recv(fd, buffer, size, 0); }

static inline int net_peek(int fd, void *buffer, size_t size) {
  return wasi_recv(fd, buffer, size, __WASI_RIFLAGS_RECV_PEEK);
}

static inline int net_send(int fd, const void *bytes, size_t size) {
  __wasi_ciovec_t source = {bytes, size};
  __wasi_size_t sent;
  int error = __wasi_sock_send(fd, &source, 1, 0, &sent);
  return error != 0 ? -error : (int)sent;
}

#endif
