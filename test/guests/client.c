/* Looks a host up, connects to it by TCP and prints the answer to an HTTP GET.
 * usage: client HOST PORT [PATH] */
#include <stdio.h>
#include <stdlib.h>

#include "guest_check.h"
#include "guest_net.h"

enum { MAX_ADDRESSES = 8 };

static void print_address(const char *label, const struct net_address *address) {
  printf("%s ", label);
  if (address->family == 4) {
    printf("%d.%d.%d.%d", address->ip[0], address->ip[1], address->ip[2], address->ip[3]);
  } else {
    for (int i = 0; i < 16; i += 2) printf("%s%x", i > 0 ? ":" : "", address->ip[i] << 8 | address->ip[i + 1]);
  }
  printf(" port %d\n", address->port);
}

/* A socket connected to the first address that answers. */
static int connect_to_any(const struct net_address *addresses, int count) {
  int fd = -ECONNREFUSED;
  for (int i = 0; i < count; i++) {
    fd = net_open(addresses[i].family, NET_STREAM);
    if (fd < 0) continue;
    int error = net_connect(fd, &addresses[i]);
    report_net("connect", error);
    if (error == 0) return fd;
    net_close(fd);
    fd = error;
  }
  return fd;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("usage: client HOST PORT [PATH]\n", stderr);
    return 2;
  }
  struct net_address addresses[MAX_ADDRESSES];
  int count = net_resolve(argv[1], (uint16_t)atoi(argv[2]), addresses, MAX_ADDRESSES);
  report_net("resolve", count);
  if (count <= 0) return 1;
  for (int i = 0; i < count; i++) print_address("address", &addresses[i]);

  int fd = connect_to_any(addresses, count);
  if (fd < 0) return 1;
  struct net_address peer;
  report_net("peer", net_peer_address(fd, &peer));
  print_address("peer", &peer);

  char request[512];
  int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                        argc > 3 ? argv[3] : "/", argv[1]);
  report_net("send", net_send(fd, request, (size_t)length));
  for (;;) {
    char answer[4096];
    int received = net_recv(fd, answer, sizeof answer);
    if (received <= 0) {
      report_net("\nend", received);
      return received < 0;
    }
    fwrite(answer, 1, (size_t)received, stdout);
  }
}
