/* A single-threaded TCP server: one poll loop, many connections, partial writes.
 *
 * The program gives a handler that is called with the bytes that arrived. Whatever it passes to
 * connection_send is sent at once as far as the socket takes it; the rest is kept and the connection
 * is not read again until it is gone, so a slow client cannot fill the memory. */
#ifndef GUEST_SERVER_H
#define GUEST_SERVER_H

#include <stdlib.h>
#include <string.h>

#include "guest_net.h"

enum { SERVER_MAX_CONNECTIONS = NET_MAX_WATCHES - 1, SERVER_READ_SIZE = 65536 };

struct connection {
  int fd;
  int index;        /* constant while the connection lives; programs may keep their own state by it */
  int is_new;       /* until the handler returned once */
  char *unsent;     /* what the socket did not take yet, NULL if nothing */
  size_t unsent_length;
  size_t unsent_offset;
  int ends_after_sending;
  int is_broken;
};

typedef void connection_handler(struct connection *connection, const char *bytes, size_t length);

static struct connection server_connections[SERVER_MAX_CONNECTIONS];
static struct connection *server_open[SERVER_MAX_CONNECTIONS]; /* in the order of their watches */
static struct connection *server_free[SERVER_MAX_CONNECTIONS];
static int server_open_count;
static unsigned long server_accepted_count;

/* Sends or keeps `length` bytes. */
static inline void connection_send(struct connection *connection, const char *bytes, size_t length) {
  if (connection->unsent == NULL) {
    while (length > 0) {
      int sent = net_send(connection->fd, bytes, length);
      if (sent == -EAGAIN) break;
      if (sent < 0) {
        connection->is_broken = 1;
        return;
      }
      bytes += sent;
      length -= (size_t)sent;
    }
    if (length == 0) return;
    connection->unsent_offset = connection->unsent_length = 0;
  }
  char *kept = realloc(connection->unsent, connection->unsent_length + length);
  if (kept == NULL) {
    connection->is_broken = 1;
    return;
  }
  memcpy(kept + connection->unsent_length, bytes, length);
  connection->unsent = kept;
  connection->unsent_length += length;
}

/* Closes the connection once everything is sent. */
static inline void connection_end(struct connection *connection) { connection->ends_after_sending = 1; }

static inline void connection_send_rest(struct connection *connection) {
  while (connection->unsent_offset < connection->unsent_length) {
    int sent = net_send(connection->fd, connection->unsent + connection->unsent_offset,
                        connection->unsent_length - connection->unsent_offset);
    if (sent == -EAGAIN) return;
    if (sent < 0) {
      connection->is_broken = 1;
      return;
    }
    connection->unsent_offset += (size_t)sent;
  }
  free(connection->unsent);
  connection->unsent = NULL;
}

static inline void connection_read(struct connection *connection, connection_handler *handler) {
  static char buffer[SERVER_READ_SIZE];
  int received = net_recv(connection->fd, buffer, sizeof buffer);
  if (received == -EAGAIN) return;
  if (received <= 0) {
    connection->is_broken = 1;
    return;
  }
  handler(connection, buffer, (size_t)received);
  connection->is_new = 0;
}

static inline int connection_is_finished(const struct connection *connection) {
  return connection->is_broken || (connection->ends_after_sending && connection->unsent == NULL);
}

/* Watch 0 is the listener, watch n+1 the nth open connection. */
static inline void server_watch(int position) {
  struct connection *connection = server_open[position];
  net_watch(position + 1, connection->fd, connection->unsent != NULL ? NET_WRITABLE : NET_READABLE);
}

static inline void server_accept(int listener) {
  for (;;) {
    int fd = net_accept(listener);
    if (fd < 0) return;
    if (server_open_count == SERVER_MAX_CONNECTIONS) {
      net_close(fd);
      continue;
    }
    struct connection *connection = server_free[SERVER_MAX_CONNECTIONS - 1 - server_open_count];
    int index = connection->index;
    *connection = (struct connection){.fd = fd, .index = index, .is_new = 1};
    server_open[server_open_count] = connection;
    server_watch(server_open_count++);
    server_accepted_count++;
  }
}

/* The last connection takes the place of the closed one. */
static inline void server_close(int position) {
  struct connection *connection = server_open[position];
  net_close(connection->fd);
  free(connection->unsent);
  server_open_count--;
  server_free[SERVER_MAX_CONNECTIONS - 1 - server_open_count] = connection;
  server_open[position] = server_open[server_open_count];
  if (position < server_open_count) server_watch(position);
}

/* Serves for ever; returns a negative errno if waiting fails. */
static inline int server_run(int listener, connection_handler *handler) {
  static struct net_ready ready[NET_MAX_WATCHES];
  static int finished[SERVER_MAX_CONNECTIONS];
  for (int i = 0; i < SERVER_MAX_CONNECTIONS; i++) {
    server_connections[i].index = i;
    server_free[SERVER_MAX_CONNECTIONS - 1 - i] = &server_connections[i];
  }
  net_set_nonblocking(listener);
  net_watch(0, listener, NET_READABLE);
  for (;;) {
    int ready_count = net_wait(server_open_count + 1, -1, ready);
    if (ready_count == -EINTR) continue;
    if (ready_count < 0) return ready_count;
    int finished_count = 0, must_accept = 0;
    for (int i = 0; i < ready_count; i++) {
      if (ready[i].slot == 0) {
        must_accept = 1;
        continue;
      }
      int position = ready[i].slot - 1;
      struct connection *connection = server_open[position];
      int was_sending = connection->unsent != NULL;
      if (ready[i].error != 0) connection->is_broken = 1;
      else if (was_sending) connection_send_rest(connection);
      else connection_read(connection, handler);
      if (connection_is_finished(connection)) finished[finished_count++] = position;
      else if (was_sending != (connection->unsent != NULL)) server_watch(position);
    }
    /* Closing moves connections, so it comes last, and from the highest position down. */
    for (int pass = 0; pass < finished_count; pass++) {
      int highest = pass;
      for (int i = pass + 1; i < finished_count; i++) {
        if (finished[i] > finished[highest]) highest = i;
      }
      int position = finished[highest];
      finished[highest] = finished[pass];
      finished[pass] = position;
      server_close(position);
    }
    if (must_accept) server_accept(listener);
  }
}

#endif
