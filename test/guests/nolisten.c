/* Could listen (it imports what is needed) but does so only after the given delay, or never.
 * usage: nolisten [SECONDS PORT] */
#include <stdio.h>

#include "guest_server.h"

static void ignore_bytes(struct connection *connection, const char *bytes, size_t length) {
  (void)connection, (void)bytes, (void)length;
}

int main(int argc, char **argv) {
  puts("nolisten: running");
  fflush(stdout);
  if (argc < 3) {
    for (;;) sleep(1);
  }
  sleep((unsigned)atoi(argv[1]));
  int listener = net_open_listener("0.0.0.0", (uint16_t)atoi(argv[2]));
  return listener < 0 ? 1 : server_run(listener, ignore_bytes) < 0;
}
