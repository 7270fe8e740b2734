/*
 * Loads an HTTP server over connections that are kept open, each with one request at a time, and prints how
 * many answers came. An answer is complete by its Content-Length and must be a 200; anything else is the end. A
 * connection that the server wants to close is followed by another one.
 *
 *   http-load PORT CONNECTIONS SECONDS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_BYTES = 64 * 1024, EVENTS = 64, PATIENCE_MS = 10000 };

static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/* An answer as far as it has come. */
struct connection {
  int descriptor;
  size_t length;
  char bytes[MOST_BYTES + 1];
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void refuse(const char *what, const struct connection *connection) {
  fprintf(stderr, "%s: %.200s\n", what, connection->bytes);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void request(const struct connection *connection) {
  ssize_t length = sizeof REQUEST - 1;
  if (write(connection->descriptor, REQUEST, length) != length) fail("write");
}

static void open_connection(struct connection *connection, int port, int events) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  int on = 1;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connection->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection->descriptor < 0) fail("socket");
  setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(connection->descriptor, (struct sockaddr *)&name, sizeof name) < 0) fail("connect");
  if (epoll_ctl(events, EPOLL_CTL_ADD, connection->descriptor, &event) < 0) fail("epoll_ctl");
}

/* Takes what came; says whether it completes the answer. */
static int receive(struct connection *connection) {
  size_t room = MOST_BYTES - connection->length;
  ssize_t count = read(connection->descriptor, connection->bytes + connection->length, room);
  if (count < 0) fail("read");
  if (count == 0) refuse(room == 0 ? "the answer is too long" : "closed in an answer", connection);
  connection->length += count;
  connection->bytes[connection->length] = 0;
  char *body = strstr(connection->bytes, "\r\n\r\n");
  if (body == 0) return 0;
  if (strncmp(connection->bytes, "HTTP/1.1 200", 12) != 0) refuse("not a 200", connection);
  char *field = strcasestr(connection->bytes, "\r\ncontent-length:");
  if (field == 0 || field > body) refuse("no Content-Length", connection);
  size_t whole = body + 4 - connection->bytes + strtoul(field + 17, 0, 10);
  if (connection->length > whole) refuse("more than an answer", connection);
  return connection->length == whole;
}

/* After a whole answer: is this the connection's last? */
static int is_last(struct connection *connection) {
  char *body = strstr(connection->bytes, "\r\n\r\n");
  char *field = strcasestr(connection->bytes, "\r\nconnection: close\r\n");
  return field != 0 && field < body;
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  int port = atoi(arguments[1]), connections_count = atoi(arguments[2]);
  long answers = 0;
  int events = epoll_create1(EPOLL_CLOEXEC);
  struct connection *connections = calloc(connections_count, sizeof *connections);
  if (events < 0 || connections == 0) fail("http-load");
  for (int index = 0; index < connections_count; index += 1) open_connection(&connections[index], port, events);
  double end = now() + atof(arguments[3]);
  for (int index = 0; index < connections_count; index += 1) request(&connections[index]);
  while (now() < end) {
    struct epoll_event ready[EVENTS];
    int ready_count = epoll_wait(events, ready, EVENTS, PATIENCE_MS);
    if (ready_count < 0) fail("epoll_wait");
    if (ready_count == 0) refuse("no answer", &connections[0]);
    for (int index = 0; index < ready_count; index += 1) {
      struct connection *connection = ready[index].data.ptr;
      if (!receive(connection)) continue;
      answers += 1;
      if (is_last(connection)) {
        close(connection->descriptor);
        open_connection(connection, port, events);
      }
      connection->length = 0;
      request(connection);
    }
  }
  printf("%ld\n", answers);
  return 0;
}
