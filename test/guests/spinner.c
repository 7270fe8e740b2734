/* Computes for ever and so never comes back to its host.
 * usage: spinner          spins at once
 *        spinner PORT     listens, answers nothing, spins when the first bytes arrive */
#include <stdio.h>

#include "guest_server.h"

__attribute__((noinline)) static void spin_for_ever(void) {
  puts("spinner: spinning");
  fflush(stdout);
  for (volatile unsigned long turns = 0;; turns++) {
  }
}

static void spin_on_bytes(struct connection *connection, const char *bytes, size_t length) {
  (void)connection, (void)bytes, (void)length;
  spin_for_ever();
}

int main(int argc, char **argv) {
  if (argc < 2) spin_for_ever();
  int listener = net_open_listener("0.0.0.0", (uint16_t)atoi(argv[1]));
  return listener < 0 ? 1 : server_run(listener, spin_on_bytes) < 0;
}
