/* HTTP server that answers every request with both ends of its connection as it sees them:
 * "LOCAL_ADDRESS LOCAL_PORT PEER_ADDRESS PEER_PORT". usage: addresses PORT [ADDRESS] */
#include <stdio.h>

#include "guest_server.h"

/* IPv6 in full, so that nothing has to be shortened. */
static int format_address(char *text, size_t size, const struct net_address *address) {
  const uint8_t *ip = address->ip;
  if (address->family == 4) return snprintf(text, size, "%d.%d.%d.%d %d", ip[0], ip[1], ip[2], ip[3], address->port);
  int length = 0;
  for (int i = 0; i < 16; i += 2) {
    length += snprintf(text + length, size - (size_t)length, "%s%x", i > 0 ? ":" : "", ip[i] << 8 | ip[i + 1]);
  }
  return length + snprintf(text + length, size - (size_t)length, " %d", address->port);
}

static void answer_addresses(struct connection *connection, const char *bytes, size_t length) {
  (void)bytes, (void)length;
  struct net_address local, peer;
  char local_text[64], peer_text[64], answer[256];
  if (net_local_address(connection->fd, &local) < 0 || net_peer_address(connection->fd, &peer) < 0) {
    connection->is_broken = 1;
    return;
  }
  int body_length = format_address(local_text, sizeof local_text, &local) +
                    format_address(peer_text, sizeof peer_text, &peer) + 2;
  int answer_length =
      snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s %s\n",
               body_length, local_text, peer_text);
  connection_send(connection, answer, (size_t)answer_length);
}

int main(int argc, char **argv) {
  int port = argc > 1 ? atoi(argv[1]) : 3000;
  int listener = net_open_listener(argc > 2 ? argv[2] : "0.0.0.0", (uint16_t)port);
  if (listener < 0) {
    fprintf(stderr, "addresses: cannot listen: %s\n", strerror(-listener));
    return 1;
  }
  return server_run(listener, answer_addresses) < 0;
}
