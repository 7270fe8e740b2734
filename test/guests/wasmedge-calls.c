/* The WasmEdge functions and layouts that wasmedge_socket.h does not use: v2 names, long addresses, the
 * other generation of functions with two signatures, options, and lookups with odd hints.
 * usage: wasmedge-calls */
#include <string.h>

#include "guest_check.h"
#include "guest_net.h"

#define MODULE(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

MODULE(sock_open_v2) int open_v2(int family, int type, uint32_t *fd);
MODULE(sock_bind_v2) int bind_v2(int fd, struct wasmedge_address *address, uint32_t port);
MODULE(sock_listen_v2) int listen_v2(int fd, int backlog);
MODULE(sock_connect_v2) int connect_v2(int fd, struct wasmedge_address *address, uint32_t port);
MODULE(sock_accept_v2) int accept_v2(int fd, int flags, uint32_t *connection);
MODULE(sock_accept) int accept_preview1(int fd, int flags, uint32_t *connection);
MODULE(sock_recv_v2)
int recv_v2(int fd, __wasi_iovec_t *target, uint32_t count, int flags, uint32_t *received, uint16_t *result_flags);
MODULE(sock_send_v2) int send_v2(int fd, __wasi_ciovec_t *source, uint32_t count, int flags, uint32_t *sent);
/* Three parameters: the v2 form under the plain name. */
MODULE(sock_getlocaladdr) int local_v2(int fd, struct wasmedge_address *address, uint32_t *port);
MODULE(sock_getpeeraddr_v2) int peer_v2(int fd, struct wasmedge_address *address, uint32_t *port);
/* Seven parameters: the v1 form. */
MODULE(sock_recv_from)
int recv_from_v1(int fd, __wasi_iovec_t *target, uint32_t count, struct wasmedge_address *address, int flags,
                 uint32_t *received, uint16_t *result_flags);

static void set_long_loopback(uint8_t *bytes) {
  memset(bytes, 0, WASMEDGE_LONG_ADDRESS);
  bytes[0] = WASMEDGE_INET4;
  memcpy(bytes + 2, "\x7f\0\0\x01", 4);
}

static int is_long_loopback(const uint8_t *bytes) {
  return bytes[0] == WASMEDGE_INET4 && bytes[1] == 0 && memcmp(bytes + 2, "\x7f\0\0\x01", 4) == 0;
}

static void check_long_addresses(void) {
  uint8_t bytes[WASMEDGE_LONG_ADDRESS];
  struct wasmedge_address address = {bytes, sizeof bytes};
  uint32_t listener, client, server, port = 0, sent, received;
  uint16_t flags;
  set_long_loopback(bytes);
  report("open-v2", "%s", errno_name(open_v2(WASMEDGE_INET4, WASMEDGE_STREAM, &listener)));
  report("bind-v2", "%s", errno_name(bind_v2((int)listener, &address, 0)));
  report("listen-v2", "%s", errno_name(listen_v2((int)listener, 4)));
  memset(bytes, 0xee, sizeof bytes);
  report("local-v2", "%s", errno_name(local_v2((int)listener, &address, &port)));
  report("local-v2-value", "%s", is_long_loopback(bytes) && port > 0 && port < 65536 ? "ok" : "wrong");
  open_v2(WASMEDGE_INET4, WASMEDGE_STREAM, &client);
  report("connect-v2", "%s", errno_name(connect_v2((int)client, &address, port)));
  report("accept-v2", "%s", errno_name(accept_v2((int)listener, 0, &server)));
  memset(bytes, 0xee, sizeof bytes);
  uint32_t peer_port = 0;
  report("peer-v2", "%s", errno_name(peer_v2((int)client, &address, &peer_port)));
  report("peer-v2-value", "%s", is_long_loopback(bytes) && peer_port == port ? "ok" : "wrong");
  char text[8] = "";
  __wasi_ciovec_t source = {(const uint8_t *)"v2", 2};
  __wasi_iovec_t target = {(uint8_t *)text, sizeof text};
  report("send-v2", "%s", errno_name(send_v2((int)client, &source, 1, 0, &sent)));
  report("recv-v2", "%s", errno_name(recv_v2((int)server, &target, 1, 0, &received, &flags)));
  report("recv-v2-value", "%.2s", text);
  set_long_loopback(bytes);
  bytes[0] = 9;
  report("long-unknown-family", "%s", errno_name(connect_v2((int)client, &address, port)));
  struct wasmedge_address odd = {bytes, 7};
  report("odd-length", "%s", errno_name(bind_v2((int)client, &odd, 0)));
  struct wasmedge_address outside = {(uint8_t *)0xfffffff0u, 4};
  report("outside-memory", "%s", errno_name(bind_v2((int)client, &outside, 0) == EFAULT ? 0 : EINVAL));
}

static void check_accept_with_flags(void) {
  struct net_address address = {.family = 4, .ip = {127, 0, 0, 1}};
  int listener = net_open(4, NET_STREAM);
  net_bind(listener, &address);
  net_listen(listener, 4);
  net_local_address(listener, &address);
  int client = net_open(4, NET_STREAM);
  net_connect(client, &address);
  uint32_t server;
  report("accept-flags", "%s", errno_name(accept_preview1(listener, __WASI_FDFLAGS_NONBLOCK, &server)));
  char byte;
  report("accept-flags-nonblocking", "%s", errno_name(-net_recv((int)server, &byte, 1)));
  net_set_nonblocking(listener);
  int second = net_open(4, NET_STREAM);
  net_connect(second, &address);
  __wasi_fdstat_t status;
  int error = wasmedge_accept(listener, &server);
  if (error == 0) error = __wasi_fd_fdstat_get((int)server, &status);
  report("accept-v1-blocks", "%s", error == 0 && status.fs_flags == 0 ? "ok" : "wrong");
  report("short-buffer-ipv4", "%s", errno_name(local_v2(client, &(struct wasmedge_address){(uint8_t *)&byte, 1}, &server)));
}

static void check_recv_from_v1(void) {
  struct net_address address = {.family = 4, .ip = {127, 0, 0, 1}};
  int receiver = net_open(4, NET_DATAGRAM), sender = net_open(4, NET_DATAGRAM);
  net_bind(receiver, &address);
  net_local_address(receiver, &address);
  net_send_to(sender, "old", 3, &address);
  char text[8] = "";
  uint8_t ip[16];
  memset(ip, 0xee, sizeof ip);
  __wasi_iovec_t target = {(uint8_t *)text, sizeof text};
  struct wasmedge_address from = {ip, sizeof ip};
  uint32_t received = 0;
  uint16_t flags;
  report("recv-from-v1", "%s", errno_name(recv_from_v1(receiver, &target, 1, &from, 0, &received, &flags)));
  int is_loopback = memcmp(ip, "\x7f\0\0\x01\xee", 5) == 0;
  report("recv-from-v1-value", "%u %s %s", received, text, is_loopback ? "ok" : "wrong");
  net_send_to(sender, "truncated", 9, &address);
  target.buf_len = 4;
  recv_from_v1(receiver, &target, 1, &from, __WASI_RIFLAGS_RECV_PEEK, &received, &flags);
  report("peek-truncated", "%u flags %u", received, flags);
  recv_from_v1(receiver, &target, 1, &from, 0, &received, &flags);
  report("truncated", "%u flags %u", received, flags);
}

static int get_option(int fd, int name) {
  int value = -1;
  uint32_t size = sizeof value;
  int error = wasmedge_get_option(fd, WASMEDGE_SOL_SOCKET, name, &value, &size);
  return error != 0 ? -error : size == sizeof value ? value : -1000;
}

static void check_options(void) {
  enum { TYPE = 1, BROADCAST = 4, SNDBUF = 5, KEEPALIVE = 7, RCVTIMEO = 11, ACCEPTCONN = 13, UNKNOWN = 15 };
  int stream = net_open(4, NET_STREAM), datagram = net_open(4, NET_DATAGRAM), on = 1, size = 65536;
  report("type-stream", "%d", get_option(stream, TYPE));
  report("type-datagram", "%d", get_option(datagram, TYPE));
  report("error-none", "%d", get_option(stream, WASMEDGE_SO_ERROR));
  report("keepalive-off", "%d", get_option(stream, KEEPALIVE));
  report("keepalive-set", "%s", errno_name(wasmedge_set_option(stream, WASMEDGE_SOL_SOCKET, KEEPALIVE, &on, 4)));
  report("keepalive-on", "%d", get_option(stream, KEEPALIVE));
  report("broadcast-set", "%s", errno_name(wasmedge_set_option(datagram, WASMEDGE_SOL_SOCKET, BROADCAST, &on, 4)));
  wasmedge_set_option(stream, WASMEDGE_SOL_SOCKET, SNDBUF, &size, 4);
  report("sndbuf", "%s", get_option(stream, SNDBUF) >= 65536 ? "ok" : "wrong");
  report("acceptconn", "%d", get_option(stream, ACCEPTCONN));
  report("timeout-refused", "%s", wasmedge_set_option(stream, 0, RCVTIMEO, &on, 4) == ENOPROTOOPT ? "ok" : "wrong");
  report("unknown-option", "%s", errno_name(-get_option(stream, UNKNOWN)));
  report("unknown-level", "%s", errno_name(wasmedge_set_option(stream, 1, KEEPALIVE, &on, 4)));

  /* A refused connection leaves its error behind for SO_ERROR. */
  struct net_address address = {.family = 4, .ip = {127, 0, 0, 1}};
  int listener = net_open(4, NET_STREAM);
  net_bind(listener, &address);
  net_local_address(listener, &address);
  int client = net_open(4, NET_STREAM);
  net_set_nonblocking(client);
  net_connect(client, &address); /* bound, but nobody listens */
  struct net_ready ready[1];
  net_watch(0, client, NET_WRITABLE);
  net_wait(1, 1000, ready);
  report("error-refused", "%s", errno_name(get_option(client, WASMEDGE_SO_ERROR)));
}

static int look_up(const char *node, uint32_t node_length, const char *service, struct wasmedge_addrinfo hints,
                   uint32_t max, uint32_t *count, uint8_t *data, struct wasmedge_addrinfo *infos) {
  static struct wasmedge_sockaddr sockaddrs[4];
  for (int i = 0; i < 4; i++) {
    sockaddrs[i] = (struct wasmedge_sockaddr){.data_length = 14, .data = data + 26 * i};
    infos[i] = (struct wasmedge_addrinfo){.address = &sockaddrs[i], .next = i < 3 ? &infos[i + 1] : NULL};
  }
  struct wasmedge_addrinfo *first = infos;
  *count = 99;
  return wasmedge_getaddrinfo(node, node_length, service, strlen(service), &hints, &first, max, count);
}

static void check_lookup(void) {
  uint8_t data[4 * 26];
  struct wasmedge_addrinfo infos[4];
  struct wasmedge_addrinfo any = {0}, inet4 = {.family = WASMEDGE_INET4, .type = WASMEDGE_STREAM};
  struct wasmedge_addrinfo inet6 = {.family = WASMEDGE_INET6, .type = WASMEDGE_DATAGRAM};
  struct wasmedge_addrinfo numeric = {.flags = 4, .family = WASMEDGE_INET4, .type = WASMEDGE_STREAM};
  struct wasmedge_addrinfo passive = {.flags = 1, .family = WASMEDGE_INET4, .type = WASMEDGE_STREAM};
  struct wasmedge_addrinfo bad = {.flags = 128};
  uint32_t count;
  /* The terminating NUL is counted in, as Rust's crate does. */
  int error = look_up("127.0.0.1", 10, "8080", inet4, 4, &count, data, infos);
  report("numeric", "%d count %u type %d protocol %d length %u", error, count, infos[0].type, infos[0].protocol,
         infos[0].address_length);
  report("numeric-data", "%s", memcmp(data, "\x1f\x90\x7f\0\0\x01", 6) == 0 ? "ok" : "wrong");
  error = look_up("::1", 3, "http", inet6, 4, &count, data, infos);
  int is_loopback = data[0] == 0 && data[1] == 80 && data[6] == 0 && data[21] == 1;
  report("ipv6", "%d count %u family %d data %u %s", error, count, infos[0].family, infos[0].address->data_length,
         is_loopback ? "ok" : "wrong");
  error = look_up("localhost", 9, "", any, 4, &count, data, infos);
  report("any", "%d count %u", error, count);
  error = look_up("localhost", 9, "", any, 1, &count, data, infos);
  report("at-most-one", "%d count %u", error, count);
  error = look_up("", 0, "80", passive, 4, &count, data, infos);
  report("passive", "%d %d.%d.%d.%d", error, data[2], data[3], data[4], data[5]);
  report("nothing", "%d", look_up("", 0, "", any, 4, &count, data, infos));
  report("no-room", "%d", look_up("localhost", 9, "", any, 0, &count, data, infos));
  report("bad-flags", "%d", look_up("localhost", 9, "", bad, 4, &count, data, infos));
  report("numeric-only", "%d", look_up("localhost", 9, "", numeric, 4, &count, data, infos));
  report("bad-service", "%d", look_up("localhost", 9, "no-such", inet4, 4, &count, data, infos));
  report("other-family", "%d", look_up("127.0.0.1", 9, "", inet6, 4, &count, data, infos));
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  check_long_addresses();
  check_accept_with_flags();
  check_recv_from_v1();
  check_options();
  check_lookup();
  return 0;
}
