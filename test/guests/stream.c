/* Web sockets as far as a network sees them: answers any request with 101, then sends "tick N" every 20 ms
 * and sends back what comes, byte for byte. One connection after another. usage: stream PORT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest_net.h"

enum { TICK_MS = 20, BUFFER_SIZE = 4096 };

static const char switching[] =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: stream\r\n\r\n";

/* Whatever it says is short: it finds room. */
static int say(int fd, const char *bytes, size_t length) { return net_send(fd, bytes, length) == (int)length; }

static void converse(int fd) {
  static char buffer[BUFFER_SIZE];
  struct net_ready ready[1];
  net_watch(0, fd, NET_READABLE);
  if (net_wait(1, -1, ready) < 0 || net_recv(fd, buffer, sizeof buffer) <= 0) return;
  if (!say(fd, switching, sizeof switching - 1)) return;
  for (unsigned long tick = 0;;) {
    int count = net_wait(1, TICK_MS, ready);
    if (count < 0) return;
    int length = count == 0 ? snprintf(buffer, sizeof buffer, "tick %lu\n", tick++)
                            : net_recv(fd, buffer, sizeof buffer);
    if (length <= 0 || !say(fd, buffer, (size_t)length)) return;
  }
}

int main(int argc, char **argv) {
  int listener = net_open_listener("0.0.0.0", (uint16_t)(argc > 1 ? atoi(argv[1]) : 3000));
  if (listener < 0) {
    fprintf(stderr, "stream: cannot listen: %s\n", strerror(-listener));
    return 1;
  }
  for (;;) {
    int fd = net_accept(listener);
    if (fd < 0) return 1;
    converse(fd);
    net_close(fd);
  }
}
