/* A small HTTP/1.1 server: one thread, one poll loop, thousands of keep-alive connections.
 *
 *   GET /         a greeting
 *   GET /stat     how many connections and requests there are and were
 *   GET /bytes/N  N bytes (at most 8 MiB), to see large answers to slow clients
 *
 * usage: hello [PORT [ADDRESS]]   (default: $PORT or 3000, 0.0.0.0)
 *
 * guest_server.h holds the poll loop, guest_net.h the sockets of the ABI it is compiled for. */
#include <stdio.h>

#include "guest_server.h"

enum { LINE_SIZE = 256, MAX_BODY = 8 * 1024 * 1024, DEFAULT_PORT = 3000 };

/* A request arrives in pieces of any size: only the current line is kept. */
struct request {
  char line[LINE_SIZE];
  int line_length;
  int is_first_line;
  char path[LINE_SIZE];
  int is_get;
  int ends_connection; /* HTTP/1.0 or "Connection: close" */
};

static struct request requests[SERVER_MAX_CONNECTIONS];
static unsigned long served_count;

/* Answers of one batch of pipelined requests leave together. */
static char answers[SERVER_READ_SIZE];
static size_t answers_length;

static void flush_answers(struct connection *connection) {
  if (answers_length > 0) connection_send(connection, answers, answers_length);
  answers_length = 0;
}

static void add_answer(struct connection *connection, const char *bytes, size_t length) {
  if (answers_length + length > sizeof answers) flush_answers(connection);
  if (length > sizeof answers) {
    connection_send(connection, bytes, length);
    return;
  }
  memcpy(answers + answers_length, bytes, length);
  answers_length += length;
}

static void answer(struct connection *connection, const char *status, const char *body, size_t body_length) {
  char head[160];
  int head_length = snprintf(head, sizeof head,
                             "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n", status,
                             body_length, requests[connection->index].ends_connection ? "Connection: close\r\n" : "");
  add_answer(connection, head, (size_t)head_length);
  add_answer(connection, body, body_length);
}

static void answer_hello(struct connection *connection) {
  static const char hello[] =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 30\r\n\r\nHello from inside the sandbox\n";
  if (requests[connection->index].ends_connection) {
    const char *body = strstr(hello, "\r\n\r\n") + 4;
    answer(connection, "200 OK", body, strlen(body));
  } else {
    add_answer(connection, hello, sizeof hello - 1);
  }
}

static void answer_stat(struct connection *connection) {
  char body[96];
  int length = snprintf(body, sizeof body, "connections=%d accepted=%lu requests=%lu\n", server_open_count,
                        server_accepted_count, served_count);
  answer(connection, "200 OK", body, (size_t)length);
}

static void answer_bytes(struct connection *connection, const char *count) {
  long length = strtol(count, NULL, 10);
  char *body = length >= 0 && length <= MAX_BODY ? malloc((size_t)length + 1) : NULL;
  if (body == NULL) {
    answer(connection, "400 Bad Request", "", 0);
    return;
  }
  memset(body, 'x', (size_t)length);
  answer(connection, "200 OK", body, (size_t)length);
  free(body);
}

static void answer_request(struct connection *connection) {
  const struct request *request = &requests[connection->index];
  served_count++;
  if (!request->is_get) answer(connection, "405 Method Not Allowed", "", 0);
  else if (strcmp(request->path, "/") == 0) answer_hello(connection);
  else if (strcmp(request->path, "/stat") == 0) answer_stat(connection);
  else if (strncmp(request->path, "/bytes/", 7) == 0) answer_bytes(connection, request->path + 7);
  else answer(connection, "404 Not Found", "not found\n", 10);
  if (request->ends_connection) connection_end(connection);
}

/* "GET /path HTTP/1.1" */
static void read_request_line(struct request *request) {
  char *path = strchr(request->line, ' ');
  char *version = path != NULL ? strchr(path + 1, ' ') : NULL;
  request->is_get = strncmp(request->line, "GET ", 4) == 0;
  request->path[0] = '\0';
  request->ends_connection = version == NULL || strcmp(version, " HTTP/1.1") != 0;
  if (version == NULL) return;
  *version = '\0';
  strcpy(request->path, path + 1);
}

static int starts_with(const char *text, const char *lower_case_prefix) {
  for (; *lower_case_prefix != '\0'; text++, lower_case_prefix++) {
    if ((*text | 0x20) != (*lower_case_prefix | 0x20)) return 0;
  }
  return 1;
}

/* One complete line without its line end; an empty one ends the request. */
static void handle_line(struct connection *connection) {
  struct request *request = &requests[connection->index];
  if (request->is_first_line) {
    if (request->line_length == 0) return; /* RFC 9112 section 2.2: ignore empty lines before a request */
    request->is_first_line = 0;
    read_request_line(request);
  } else if (request->line_length > 0) {
    if (starts_with(request->line, "connection: close")) request->ends_connection = 1;
    /* A body would be read as the next request: answer, then close. */
    if (starts_with(request->line, "content-length:") || starts_with(request->line, "transfer-encoding:")) {
      request->ends_connection = 1;
    }
  } else {
    answer_request(connection);
    request->is_first_line = 1;
  }
}

static void handle_bytes(struct connection *connection, const char *bytes, size_t length) {
  struct request *request = &requests[connection->index];
  if (connection->is_new) *request = (struct request){.is_first_line = 1};
  while (length > 0 && !connection->ends_after_sending) {
    const char *newline = memchr(bytes, '\n', length);
    size_t part = newline != NULL ? (size_t)(newline - bytes) : length;
    size_t room = sizeof request->line - 1 - (size_t)request->line_length;
    size_t taken = part < room ? part : room; /* the rest of a long line is dropped */
    memcpy(request->line + request->line_length, bytes, taken);
    request->line_length += (int)taken;
    if (newline == NULL) break;
    if (request->line_length > 0 && request->line[request->line_length - 1] == '\r') request->line_length--;
    request->line[request->line_length] = '\0';
    handle_line(connection);
    request->line_length = 0;
    bytes += part + 1;
    length -= part + 1;
  }
  flush_answers(connection);
}

#ifdef GUEST_PREVIEW1

/* The port is chosen outside: wasmrun listens on every forwarded process port before the start. */
static int open_listener(int argc, char **argv) {
  (void)argc, (void)argv;
  return net_inherited_listener(0);
}

#else

static int open_listener(int argc, char **argv) {
  const char *port_text = argc > 1 ? argv[1] : getenv("PORT");
  const char *ip = argc > 2 ? argv[2] : "0.0.0.0";
  int port = port_text != NULL ? atoi(port_text) : DEFAULT_PORT;
  int listener = net_open_listener(ip, (uint16_t)port);
  if (listener >= 0) {
    printf("hello: listening on %s port %d\n", ip, port);
    fflush(stdout);
  }
  return listener;
}

#endif

int main(int argc, char **argv) {
  int listener = open_listener(argc, argv);
  if (listener < 0) {
    fprintf(stderr, "hello: cannot listen: %s\n", strerror(-listener));
    return 1;
  }
  int error = server_run(listener, handle_bytes);
  fprintf(stderr, "hello: cannot wait for connections: %s\n", strerror(-error));
  return 1;
}
