/* Checks the socket calls against each other over the loopback, and their failures.
 * usage: sockets [6]   (6: also over IPv6) */
#include <stdlib.h>

#include "guest_check.h"
#include "guest_net.h"

static struct net_ready ready[4];

static struct net_address loopback(int family, uint16_t port) {
  struct net_address address = {.family = family, .port = port};
  if (family == 6) address.ip[15] = 1;
  else net_parse_ipv4("127.0.0.1", port, &address);
  return address;
}

static int is_same_address(const struct net_address *left, const struct net_address *right) {
  return left->family == right->family && left->port == right->port &&
         memcmp(left->ip, right->ip, left->family == 6 ? 16 : 4) == 0;
}

/* A listener on a port the kernel chose; `address` tells which. */
static int open_any_listener(int family, struct net_address *address) {
  *address = loopback(family, 0);
  int fd = net_open(family, NET_STREAM);
  report_net("open", fd);
  report_net("reuse", net_reuse_address(fd));
  report_net("bind", net_bind(fd, address));
  report_net("listen", net_listen(fd, 8));
  report_net("local", net_local_address(fd, address));
  struct net_address expected = loopback(family, address->port);
  report("local-value", "%s", address->port != 0 && is_same_address(address, &expected) ? "ok" : "wrong");
  return fd;
}

static void check_stream(int family) {
  struct net_address address, local, peer;
  int listener = open_any_listener(family, &address);
  report_net("nonblocking", net_set_nonblocking(listener));
  report_net("accept-none", net_accept(listener));

  int second = net_open(family, NET_STREAM);
  report_net("bind-taken", net_bind(second, &address));
  net_close(second);

  int client = net_open(family, NET_STREAM);
  report_net("peer-unconnected", net_peer_address(client, &peer));
  report_net("connect", net_connect(client, &address));
  report_net("connect-again", net_connect(client, &address));
  net_watch(0, listener, NET_READABLE);
  report("wait-listener", "%d", net_wait(1, 1000, ready));
  int server = net_accept(listener);
  report_net("accept", server);

  report_net("peer", net_peer_address(client, &peer));
  report("peer-value", "%s", is_same_address(&peer, &address) ? "ok" : "wrong");
  report_net("local-client", net_local_address(client, &local));
  report_net("peer-server", net_peer_address(server, &peer));
  report("peer-is-client", "%s", is_same_address(&peer, &local) ? "ok" : "wrong");

  char buffer[16];
  report_net("recv-none", net_recv(server, buffer, sizeof buffer));
  net_watch(0, server, NET_READABLE);
  report("wait-timeout", "%d", net_wait(1, 20, ready));
  report("send", "%d", net_send(client, "ping", 4));
  report("wait-data", "%d", net_wait(1, 1000, ready));
  int received = net_recv(server, buffer, 2);
  report("recv-part", "%d %.*s", received, received, buffer);
  received = net_recv(server, buffer, sizeof buffer);
  report("recv-rest", "%d %.*s", received, received, buffer);
  net_watch(1, server, NET_WRITABLE);
  int ready_count = net_wait(2, 1000, ready);
  report("wait-writable", "%d slot %d", ready_count, ready[0].slot);

  report_net("shutdown", net_shutdown_write(client));
  report("wait-end", "%d", net_wait(1, 1000, ready));
  report("recv-end", "%d", net_recv(server, buffer, sizeof buffer));
  report("send-after-shutdown", "%s", errno_name(-net_send(client, "x", 1)));
  report("answer-after-shutdown", "%d", net_send(server, "pong", 4));
  report("recv-answer", "%d", net_recv(client, buffer, sizeof buffer));
  net_close(server);
  net_close(client);
  net_close(listener);
}

static void check_backpressure(void) {
  static char block[65536];
  struct net_address address;
  int listener = open_any_listener(4, &address);
  int client = net_open(4, NET_STREAM);
  net_connect(client, &address);
  int server = net_accept(listener);
  long sent = 0;
  int result;
  while ((result = net_send(server, block, sizeof block)) > 0) sent += result;
  report("full", "%s", errno_name(-result));
  net_watch(0, server, NET_WRITABLE);
  report("wait-full", "%d", net_wait(1, 20, ready));
  net_close(server);
  long received = 0;
  while ((result = net_recv(client, block, sizeof block)) > 0) received += result;
  report("all-arrived", "%s", sent > 0 && received == sent ? "ok" : "wrong");
  net_close(client);
  net_close(listener);
}

static void check_nonblocking_connect(void) {
  struct net_address address;
  int listener = open_any_listener(4, &address);
  int client = net_open(4, NET_STREAM);
  net_set_nonblocking(client);
  int result = net_connect(client, &address);
  report("connect-nonblocking", "%s", result == 0 || result == -EINPROGRESS ? "ok" : errno_name(-result));
  net_watch(0, client, NET_WRITABLE);
  report("wait-connected", "%d", net_wait(1, 1000, ready));
  report_net("pending-error", net_pending_error(client));
  net_close(client);
  net_close(listener); /* now nobody listens there */

  int refused = net_open(4, NET_STREAM);
  report_net("connect-refused", net_connect(refused, &address));
  net_close(refused);
}

static void check_datagrams(void) {
  struct net_address left_address = loopback(4, 0), right_address = loopback(4, 0), from = {0};
  int left = net_open(4, NET_DATAGRAM), right = net_open(4, NET_DATAGRAM);
  report_net("udp-open", left < 0 ? left : right);
  report_net("udp-bind", net_bind(left, &left_address));
  report_net("udp-bind", net_bind(right, &right_address));
  net_local_address(left, &left_address);
  net_local_address(right, &right_address);
  report("udp-send", "%d", net_send_to(left, "datagram", 8, &right_address));
  char buffer[16] = "";
  net_watch(0, right, NET_READABLE);
  report("udp-wait", "%d", net_wait(1, 1000, ready));
  int received = net_recv_from(right, buffer, sizeof buffer, &from);
  report("udp-recv", "%d %s", received, buffer);
  report("udp-from", "%s", is_same_address(&from, &left_address) ? "ok" : "wrong");
  report("udp-send-empty", "%d", net_send_to(right, "", 0, &left_address));
  report("udp-recv-empty", "%d", net_recv_from(left, buffer, sizeof buffer, &from));
  report_net("udp-connect", net_connect(left, &right_address));
  report("udp-send-connected", "%d", net_send(left, "abcdef", 6));
  report("udp-recv-cut", "%d", net_recv_from(right, buffer, 3, &from));
  net_close(left);
  net_close(right);
}

static void check_failures(void) {
  struct net_address address = loopback(4, 0);
  char byte = 0;
  report_net("bad-fd-bind", net_bind(99, &address));
  report_net("bad-fd-listen", net_listen(99, 1));
  report_net("bad-fd-accept", net_accept(99));
  report_net("bad-fd-recv", net_recv(99, &byte, 1));
  report_net("bad-fd-send", net_send(99, &byte, 1));
  report_net("bad-fd-local", net_local_address(99, &address));
  report_net("not-a-socket-bind", net_bind(2, &address));
  report_net("not-a-socket-listen", net_listen(2, 1));
  report_net("not-a-socket-recv", net_recv(2, &byte, 1));
  int fd = net_open(4, NET_STREAM);
  report_net("recv-unconnected", net_recv(fd, &byte, 1));
  report_net("send-unconnected", net_send(fd, &byte, 1));
  report_net("accept-not-listening", net_accept(fd));
  struct net_address foreign = {.family = 4, .ip = {192, 0, 2, 1}, .port = 0}; /* RFC 5737: nobody's */
  report_net("bind-foreign", net_bind(fd, &foreign));
  net_close(fd);
}

static void check_lookup(void) {
  struct net_address found[4];
  report("resolve-number", "%d", net_resolve("127.0.0.1", 80, found, 4));
  struct net_address expected = loopback(4, 80);
  report("resolve-value", "%s", is_same_address(&found[0], &expected) ? "ok" : "wrong");
  int count = net_resolve("localhost", 80, found, 4);
  report("resolve-localhost", "%s", count > 0 ? "ok" : "wrong");
  report("resolve-unknown", "%s", net_resolve("no-such-host.invalid", 80, found, 4) < 0 ? "fails" : "wrong");
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  check_stream(4);
  if (argc > 1 && atoi(argv[1]) == 6) check_stream(6);
  check_backpressure();
  check_nonblocking_connect();
  check_datagrams();
  check_failures();
  check_lookup();
  puts("end ok");
  return 0;
}
