/* Tries to turn an accepted connection into something else: the listener may be the host's own, and then so
 * is the connection. usage: rebind PORT HOST_PORT
 * Accepts one connection on PORT, waits for its end, then tries to bind it to HOST_PORT, to listen on it and
 * to connect it. */
#include <stdlib.h>

#include "guest_check.h"
#include "guest_net.h"

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int listener = net_open_listener("0.0.0.0", atoi(argv[1]));
  report_call("listen", listener < 0 ? -1 : 0);
  struct net_ready ready[1];
  net_watch(0, listener, NET_READABLE);
  net_wait(1, -1, ready);
  int connection = net_accept(listener);
  char buffer[64];
  int received;
  do {
    net_watch(0, connection, NET_READABLE);
    net_wait(1, -1, ready);
    received = net_recv(connection, buffer, sizeof buffer);
  } while (received > 0);

  struct net_address target;
  net_parse_ipv4("0.0.0.0", atoi(argv[2]), &target);
  report("bind", "%s", net_bind(connection, &target) == 0 ? "possible" : "refused");
  report("listen-again", "%s", net_listen(connection, 8) == 0 ? "possible" : "refused");
  net_parse_ipv4("127.0.0.1", atoi(argv[2]), &target);
  report("connect", "%s", net_connect(connection, &target) == 0 ? "possible" : "refused");
  return 0;
}
