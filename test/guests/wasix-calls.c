/* The WASIX functions and layouts that wasix_socket.h does not use: options, status, flags, and the byte
 * ranges the host may write. usage: wasix-calls */
#include <string.h>

#include "guest_check.h"
#include "guest_net.h"

enum { UNTOUCHED = 0xee };

struct wasix_option_timestamp {
  uint8_t tag;
  uint64_t nanoseconds;
};
_Static_assert(sizeof(struct wasix_option_timestamp) == 16, "layout of WASIX's option_timestamp");

WASIX(sock_get_opt_flag) int wasix_get_flag(int fd, int option, uint8_t *on);
WASIX(sock_set_opt_size) int wasix_set_size(int fd, int option, uint64_t size);
WASIX(sock_get_opt_size) int wasix_get_size(int fd, int option, uint64_t *size);
WASIX(sock_set_opt_time) int wasix_set_time(int fd, int option, const struct wasix_option_timestamp *time);
WASIX(sock_get_opt_time) int wasix_get_time(int fd, int option, struct wasix_option_timestamp *time);

static struct net_address loopback = {.family = 4, .ip = {127, 0, 0, 1}};

static int count_untouched(const void *bytes, size_t length) {
  int count = 0;
  for (size_t i = 0; i < length; i++) count += ((const uint8_t *)bytes)[i] == UNTOUCHED;
  return count;
}

static void check_open(void) {
  uint32_t fd;
  report("open-any-protocol", "%s", errno_name(wasix_open(WASIX_INET4, WASIX_STREAM, 0, &fd)));
  report("open-stream-udp", "%s", errno_name(wasix_open(WASIX_INET4, WASIX_STREAM, WASIX_UDP, &fd)));
  report("open-datagram-tcp", "%s", errno_name(wasix_open(WASIX_INET4, WASIX_DATAGRAM, WASIX_TCP, &fd)));
  report("open-raw", "%s", errno_name(wasix_open(WASIX_INET4, 3, 0, &fd)));
  report("open-unix", "%s", errno_name(wasix_open(3, WASIX_STREAM, 0, &fd)));
}

/* Modules built before September 2023 have 20 bytes for an address: nothing may be written behind them. */
static void check_address_sizes(void) {
  struct wasix_addr_port address;
  int fd = net_open(4, NET_STREAM);
  /* wasix-libc binds without listening to find the byte order of ports out. */
  net_reuse_address(fd); /* another test may be at the same point */
  struct wasix_addr_port port_10275 = {.tag = WASIX_INET4, .port = 10275};
  report("bind-10275", "%s", errno_name(wasix_bind(fd, &port_10275)));
  memset(&address, UNTOUCHED, sizeof address);
  report("local", "%s", errno_name(wasix_local_address(fd, &address)));
  report("local-value", "tag %d padding %d port %d untouched %d", address.tag, address.padding, address.port,
         count_untouched(&address, sizeof address));
  int ipv6 = net_open(6, NET_STREAM);
  struct net_address loopback6 = {.family = 6};
  loopback6.ip[15] = 1;
  report("bind-ipv6", "%s", errno_name(-net_bind(ipv6, &loopback6)));
  memset(&address, UNTOUCHED, sizeof address);
  wasix_local_address(ipv6, &address);
  int is_loopback = address.ip[0] == 0 && address.ip[15] == 1;
  report("local-ipv6", "tag %d %s untouched %d", address.tag, is_loopback ? "ok" : "wrong",
         count_untouched(address.ip + 16, sizeof address.ip - 16));
  struct wasix_addr_port unix_address = {.tag = 3};
  report("bind-unix", "%s", errno_name(wasix_bind(fd, &unix_address)));
  net_close(fd);
}

static void check_accept_and_status(void) {
  struct net_address address = loopback;
  uint8_t status = UNTOUCHED;
  int listener = net_open(4, NET_STREAM);
  net_bind(listener, &address);
  net_listen(listener, 4);
  net_local_address(listener, &address);
  wasix_status(listener, &status);
  report("status-listener", "%d", status);
  int client = net_open(4, NET_STREAM);
  wasix_status(client, &status);
  report("status-new", "%d", status);
  net_connect(client, &address);
  wasix_status(client, &status);
  report("status-connected", "%d", status);
  struct wasix_addr_port peer;
  struct net_address local;
  uint32_t server;
  memset(&peer, UNTOUCHED, sizeof peer);
  report("accept", "%s", errno_name(wasix_accept(listener, 0, &server, &peer)));
  net_local_address(client, &local);
  report("accept-peer", "tag %d %s", peer.tag, peer.port == local.port ? "ok" : "wrong");

  /* don't-wait on a blocking connection; the order of results in sock_recv_from */
  char text[8] = "";
  __wasi_iovec_t target = {(uint8_t *)text, sizeof text};
  uint32_t received = 0;
  uint16_t flags = UNTOUCHED;
  enum { DONT_WAIT = 8 };
  report("dont-wait", "%s", errno_name(wasix_recv_from((int)server, &target, 1, DONT_WAIT, &received, &flags, &peer)));
  net_send(client, "abc", 3);
  report("recv-from-stream", "%s", errno_name(wasix_recv_from((int)server, &target, 1, 0, &received, &flags, &peer)));
  report("recv-from-stream-value", "%u %s flags %u tag %d", received, text, flags, peer.tag);

  net_set_nonblocking(listener);
  int second = net_open(4, NET_STREAM);
  net_connect(second, &address);
  wasix_accept(listener, 0, &server, &peer);
  report("inherits-nonblocking", "%s", errno_name(-net_recv((int)server, text, 1)));
  net_close(listener);
  int refused = net_open(4, NET_STREAM);
  net_set_nonblocking(refused);
  net_connect(refused, &address);
  struct net_ready ready[1];
  net_watch(0, refused, NET_WRITABLE);
  net_wait(1, 1000, ready);
  wasix_status(refused, &status);
  report("status-refused", "%d", status);
}

static void check_options(void) {
  enum { REUSE_ADDR = 2, NO_DELAY = 3, ONLY_V6 = 5, LINGER = 13, RECV_BUF = 15, RECV_TIMEOUT = 19, TTL = 23 };
  int fd = net_open(4, NET_STREAM), ipv6 = net_open(6, NET_STREAM);
  uint8_t on = UNTOUCHED;
  uint64_t size = 0;
  report("flag-set", "%s", errno_name(wasix_set_flag(fd, NO_DELAY, 1)));
  wasix_get_flag(fd, NO_DELAY, &on);
  report("flag-get", "%d", on);
  report("flag-off", "%s", errno_name(wasix_set_flag(fd, NO_DELAY, 0)));
  wasix_get_flag(fd, NO_DELAY, &on);
  report("flag-get-off", "%d", on);
  report("flag-ipv6-only", "%s", errno_name(wasix_set_flag(ipv6, ONLY_V6, 1)));
  report("flag-not-a-bool", "%s", errno_name(wasix_set_flag(fd, REUSE_ADDR, 2)));
  report("flag-that-is-a-size", "%s", wasix_set_flag(fd, RECV_BUF, 1) == ENOPROTOOPT ? "refused" : "wrong");
  report("size-set", "%s", errno_name(wasix_set_size(fd, TTL, 17)));
  wasix_get_size(fd, TTL, &size);
  report("size-get", "%u", (unsigned)size);
  report("size-too-big", "%s", errno_name(wasix_set_size(fd, TTL, UINT64_MAX)));
  struct wasix_option_timestamp time = {.tag = 1, .nanoseconds = 3000000000u};
  report("linger-set", "%s", errno_name(wasix_set_time(fd, LINGER, &time)));
  memset(&time, UNTOUCHED, sizeof time);
  report("linger-get", "%s", errno_name(wasix_get_time(fd, LINGER, &time)));
  report("linger-value", "%d %u", time.tag, (unsigned)(time.nanoseconds / 1000000));
  report("timeout-refused", "%s", wasix_set_time(fd, RECV_TIMEOUT, &time) == ENOPROTOOPT ? "ok" : "wrong");
  report("bad-fd", "%s", errno_name(wasix_set_flag(99, NO_DELAY, 1)));
}

static void check_resolve(void) {
  struct wasix_addr_ip found[3];
  uint32_t count = 99;
  memset(found, UNTOUCHED, sizeof found);
  /* The length counts, not a NUL. */
  report("resolve", "%s", errno_name(wasix_resolve("localhostile", 9, 0, found, 1, &count)));
  report("resolve-value", "%u tag %d %d.%d.%d.%d untouched %d", count, found[0].tag, found[0].ip[0], found[0].ip[1],
         found[0].ip[2], found[0].ip[3], count_untouched(&found[1], 2 * sizeof *found));
  report("resolve-both", "%s", errno_name(wasix_resolve("localhost", 9, 0, found, 3, &count)));
  report("resolve-both-value", "%u tags %d %d", count, found[0].tag, found[1].tag);
  report("resolve-no-name", "%s", errno_name(wasix_resolve("", 0, 0, found, 3, &count)));
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  check_open();
  check_address_sizes();
  check_accept_and_status();
  check_options();
  check_resolve();
  return 0;
}
