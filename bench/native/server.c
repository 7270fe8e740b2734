/*
 * The server of the network benchmarks, native so that it costs as little as possible. The first byte of a
 * connection says what it is for: `e` is sent back, `d` is answered with bytes until the client has enough,
 * `u` is the first of many that nobody reads twice.
 *
 *   server ADDRESS PORT     listens
 *   server FD               accepts from a listening socket it has inherited
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than there are clients at a time. */
enum { WORKERS = 8, BACKLOG = 4096, CHUNK = 256 * 1024 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int listen_on(const char *address, const char *port) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  int on = 1;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  inet_pton(AF_INET, address, &name.sin_addr);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&name, sizeof name) < 0) fail("bind");
  if (listen(listener, BACKLOG) < 0) fail("listen");
  return listener;
}

static void serve(int connection) {
  static char bytes[CHUNK];
  char first;
  int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (read(connection, &first, 1) != 1) return;
  if (first == 'd') {
    while (write(connection, bytes, sizeof bytes) > 0);
  } else {
    if (first == 'e' && write(connection, &first, 1) != 1) return;
    while (read(connection, bytes, sizeof bytes) > 0);
  }
}

static void work(int listener) {
  for (;;) {
    int connection = accept(listener, 0, 0);
    if (connection < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      fail("accept");
    }
    serve(connection);
    close(connection);
  }
}

int main(int count, char **arguments) {
  if (count != 2 && count != 3) return 2;
  int listener = count == 3 ? listen_on(arguments[1], arguments[2]) : atoi(arguments[1]);
  /* Whoever holds a port never waits on it, so its listener does not block. */
  fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) & ~O_NONBLOCK);
  signal(SIGPIPE, SIG_IGN);
  for (int worker = 0; worker < WORKERS; worker += 1) {
    if (fork() != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work(listener);
  }
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  while (wait(0) > 0);
}
