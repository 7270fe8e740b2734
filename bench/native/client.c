/*
 * The client of the network benchmarks: visits all targets in turns, so that a noisy machine disturbs all
 * alike, each time beginning with another one. Prints a line per round and target: round, target, figure.
 *
 *   client connect ROUNDS CONNECTIONS THREADS TARGET...    ns per new connection: connect, a byte there and
 *                                                          back, close. One thread: the median of its
 *                                                          connections; several: time through number
 *   client download|upload ROUNDS MS 1 TARGET...           bytes per second of one connection
 *
 * A target is NETNS,ADDRESS,PORT: a network namespace as ip-netns(8) names it, and an IPv4 address there.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, PATIENCE_S = 10, MAX_THREADS = 64 };
static const double WARM_UP_NS = 20e6;

struct target {
  char *text;
  int namespace;
  struct sockaddr_in name;
};

struct visit {
  const struct target *target;
  int connections;
  double *times;
};

static void fail(const char *what, const struct target *target) {
  fprintf(stderr, "%s: ", target == 0 ? "client" : target->text);
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static int ascending(const void *one, const void *other) {
  double difference = *(const double *)one - *(const double *)other;
  return (difference > 0) - (difference < 0);
}

static struct target read_target(char *text) {
  char namespace[64], address[64], path[128];
  int port;
  struct target target = {.text = text, .name.sin_family = AF_INET};
  if (sscanf(text, "%63[^,],%63[^,],%d", namespace, address, &port) != 3) fail("target", &target);
  snprintf(path, sizeof path, "/run/netns/%s", namespace);
  target.namespace = open(path, O_RDONLY | O_CLOEXEC);
  if (target.namespace < 0) fail(path, &target);
  if (inet_pton(AF_INET, address, &target.name.sin_addr) != 1) fail(address, &target);
  target.name.sin_port = htons(port);
  return target;
}

static int open_connection(const struct target *target) {
  struct timeval patience = {.tv_sec = PATIENCE_S};
  int on = 1;
  int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) fail("socket", target);
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(connection, (const struct sockaddr *)&target->name, sizeof target->name) < 0)
    fail("connect", target);
  return connection;
}

static void *connect_again_and_again(void *argument) {
  const struct visit *visit = argument;
  for (int number = 0; number < visit->connections; number += 1) {
    char byte = 'e';
    double start = now();
    int connection = open_connection(visit->target);
    if (write(connection, &byte, 1) != 1) fail("write", visit->target);
    if (read(connection, &byte, 1) != 1) fail("read", visit->target);
    close(connection);
    visit->times[number] = now() - start;
  }
  return 0;
}

static double connection_cost(const struct target *target, int connections, int threads) {
  pthread_t ids[MAX_THREADS];
  double *times = calloc((size_t)connections * threads, sizeof *times);
  struct visit visits[MAX_THREADS];
  double start = now();
  for (int thread = 0; thread < threads; thread += 1) {
    visits[thread] = (struct visit){target, connections, times + thread * connections};
    if (pthread_create(&ids[thread], 0, connect_again_and_again, &visits[thread]) != 0) fail("thread", target);
  }
  for (int thread = 0; thread < threads; thread += 1) pthread_join(ids[thread], 0);
  double cost = (now() - start) / ((double)connections * threads);
  if (threads == 1) {
    qsort(times, connections, sizeof *times, ascending);
    cost = times[connections / 2];
  }
  free(times);
  return cost;
}

/* What arrives or leaves while the connection finds its pace does not count. */
static double throughput(const struct target *target, char direction, double duration_ns) {
  static char bytes[CHUNK];
  int connection = open_connection(target);
  double bytes_moved = 0, start = now(), counted_from = 0, time;
  if (write(connection, &direction, 1) != 1) fail("write", target);
  do {
    ssize_t moved = direction == 'd' ? read(connection, bytes, sizeof bytes) : write(connection, bytes, sizeof bytes);
    if (moved <= 0) fail("transfer", target);
    time = now();
    if (counted_from > 0) bytes_moved += moved;
    else if (time - start > WARM_UP_NS) counted_from = time;
  } while (counted_from == 0 || time - counted_from < duration_ns);
  close(connection);
  return bytes_moved / (time - counted_from) * 1e9;
}

int main(int count, char **arguments) {
  if (count < 6) return 2;
  const char *mode = arguments[1];
  int rounds = atoi(arguments[2]), amount = atoi(arguments[3]), threads = atoi(arguments[4]);
  int targets_count = count - 5;
  struct target *targets = calloc(targets_count, sizeof *targets);
  if (threads > MAX_THREADS) return 2;
  for (int index = 0; index < targets_count; index += 1) targets[index] = read_target(arguments[5 + index]);
  for (int round = 0; round < rounds; round += 1) {
    for (int turn = 0; turn < targets_count; turn += 1) {
      int index = (round + turn) % targets_count;
      const struct target *target = &targets[index];
      if (setns(target->namespace, CLONE_NEWNET) < 0) fail("setns", target);
      double figure = strcmp(mode, "connect") == 0 ? connection_cost(target, amount, threads)
                                                   : throughput(target, mode[0], amount * 1e6);
      printf("%d %d %.0f\n", round, index, figure);
    }
  }
}
