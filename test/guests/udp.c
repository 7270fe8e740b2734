/* UDP echo.
 * usage: udp server PORT [IP]              answers every datagram with its own bytes
 *        udp poller PORT [IP]              the same, waiting by poll on a non-blocking socket
 *        udp peeker PORT [IP]              the same, looking at each datagram before it takes it
 *        udp connected PORT [IP]           connects to the first sender and answers only that one
 *        udp client IP PORT TEXT           sends TEXT, prints the answer and who sent it
 * IP is 0.0.0.0 unless given; :: and ::1 make a socket of IPv6. A datagram "who?" is answered with the
 * sender's address as the program sees it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest_check.h"
#include "guest_net.h"

enum { DATAGRAM_SIZE = 65536 };

static char datagram[DATAGRAM_SIZE];

static int parse_ip(const char *text, uint16_t port, struct net_address *address) {
  if (strcmp(text, "::") != 0 && strcmp(text, "::1") != 0) return net_parse_ipv4(text, port, address);
  *address = (struct net_address){.family = 6, .port = port};
  address->ip[15] = text[2] == '1';
  return 1;
}

static int describe(const struct net_address *address, char *text, size_t size) {
  const uint8_t *ip = address->family == 6 ? address->ip + 12 : address->ip;
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  const char *prefix = address->family == 4 ? "" : memcmp(address->ip, mapped, 12) == 0 ? "::ffff:" : "v6:";
  return snprintf(text, size, "%s%d.%d.%d.%d port %d", prefix, ip[0], ip[1], ip[2], ip[3], address->port);
}

/* What is answered to `length` bytes in the buffer. */
static int prepare_answer(int length, const struct net_address *sender) {
  if (length != 4 || memcmp(datagram, "who?", 4) != 0) return length;
  return describe(sender, datagram, sizeof datagram);
}

static int open_server(uint16_t port, const char *ip) {
  struct net_address address;
  if (!parse_ip(ip, port, &address)) return -EINVAL;
  int fd = net_open(address.family, NET_DATAGRAM);
  int error = fd < 0 ? fd : net_bind(fd, &address);
  report_net("bind", error);
  fflush(stdout);
  return error < 0 ? error : fd;
}

static int wait_for_datagram(int fd) {
  struct net_ready ready[1];
  net_watch(0, fd, NET_READABLE);
  return net_wait(1, -1, ready);
}

static int serve(const char *how, uint16_t port, const char *ip) {
  int fd = open_server(port, ip);
  if (fd < 0) return 1;
  int polls = strcmp(how, "poller") == 0;
  if (polls) net_set_nonblocking(fd);
  for (;;) {
    struct net_address sender;
    if (polls) wait_for_datagram(fd);
    if (strcmp(how, "peeker") == 0) {
      char first;
      net_peek(fd, &first, 1);
      wait_for_datagram(fd);
    }
    int length = net_recv_from(fd, datagram, sizeof datagram, &sender);
    if (polls && length == -EAGAIN) continue;
    if (length < 0) {
      report_net("recv_from", length);
      return 1;
    }
    net_send_to(fd, datagram, (size_t)prepare_answer(length, &sender), &sender);
  }
}

static int serve_connected(uint16_t port, const char *ip) {
  int fd = open_server(port, ip);
  struct net_address sender, peer = {0};
  int length = fd < 0 ? fd : net_recv_from(fd, datagram, sizeof datagram, &sender);
  if (length < 0) return 1;
  report_net("connect", net_connect(fd, &sender));
  report_net("peer", net_peer_address(fd, &peer));
  for (;;) {
    report("sent", "%d", net_send(fd, datagram, (size_t)prepare_answer(length, &peer)));
    fflush(stdout);
    length = net_recv(fd, datagram, sizeof datagram);
    if (length < 0) return 1;
  }
}

static int ask(const char *ip, uint16_t port, const char *text) {
  struct net_address server;
  if (!net_parse_ipv4(ip, port, &server)) return 2;
  int fd = net_open(4, NET_DATAGRAM);
  report_net("open", fd);
  if (fd < 0) return 1;
  report_net("send_to", net_send_to(fd, text, strlen(text), &server));
  struct net_address sender = {0};
  int length = net_recv_from(fd, datagram, sizeof datagram, &sender);
  report_net("recv_from", length);
  if (length < 0) return 1;
  char address[64];
  describe(&sender, address, sizeof address);
  printf("answer %.*s from %s\n", length, datagram, address);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 || argc == 4) {
    uint16_t port = (uint16_t)atoi(argv[2]);
    const char *ip = argc == 4 ? argv[3] : "0.0.0.0";
    if (strcmp(argv[1], "connected") == 0) return serve_connected(port, ip);
    return serve(argv[1], port, ip);
  }
  if (argc == 5 && strcmp(argv[1], "client") == 0) return ask(argv[2], (uint16_t)atoi(argv[3]), argv[4]);
  fputs("usage: udp server|poller|peeker|connected PORT [IP] | udp client IP PORT TEXT\n", stderr);
  return 2;
}
