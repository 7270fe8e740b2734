/* TCP echo server for many connections. usage: echo PORT */
#include <stdio.h>

#include "guest_server.h"

static void echo_bytes(struct connection *connection, const char *bytes, size_t length) {
  connection_send(connection, bytes, length);
}

int main(int argc, char **argv) {
  int listener = net_open_listener("0.0.0.0", (uint16_t)(argc > 1 ? atoi(argv[1]) : 7));
  if (listener < 0) {
    fprintf(stderr, "echo: cannot listen: %s\n", strerror(-listener));
    return 1;
  }
  return server_run(listener, echo_bytes) < 0;
}
