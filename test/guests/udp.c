/* UDP echo.
 * usage: udp server PORT                   answers every datagram with its own bytes
 *        udp client IP PORT TEXT           sends TEXT, prints the answer and who sent it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest_check.h"
#include "guest_net.h"

static int serve(uint16_t port) {
  struct net_address address;
  net_parse_ipv4("0.0.0.0", port, &address);
  int fd = net_open(4, NET_DATAGRAM);
  int error = fd < 0 ? fd : net_bind(fd, &address);
  report_net("bind", error);
  fflush(stdout);
  if (error < 0) return 1;
  for (;;) {
    static char datagram[65536];
    struct net_address sender;
    int length = net_recv_from(fd, datagram, sizeof datagram, &sender);
    if (length < 0) {
      report_net("recv_from", length);
      return 1;
    }
    net_send_to(fd, datagram, (size_t)length, &sender);
  }
}

static int ask(const char *ip, uint16_t port, const char *text) {
  struct net_address server;
  if (!net_parse_ipv4(ip, port, &server)) return 2;
  int fd = net_open(4, NET_DATAGRAM);
  report_net("open", fd);
  if (fd < 0) return 1;
  report_net("send_to", net_send_to(fd, text, strlen(text), &server));
  char answer[65536];
  struct net_address sender = {0};
  int length = net_recv_from(fd, answer, sizeof answer, &sender);
  report_net("recv_from", length);
  if (length < 0) return 1;
  printf("answer %.*s from %d.%d.%d.%d port %d\n", length, answer, sender.ip[0], sender.ip[1], sender.ip[2],
         sender.ip[3], sender.port);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "server") == 0) return serve((uint16_t)atoi(argv[2]));
  if (argc == 5 && strcmp(argv[1], "client") == 0) return ask(argv[2], (uint16_t)atoi(argv[3]), argv[4]);
  fputs("usage: udp server PORT | udp client IP PORT TEXT\n", stderr);
  return 2;
}
