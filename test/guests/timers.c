/* Checks every way of waiting that preview1 offers, through libc and through poll_oneoff itself.
 * A wait that should take 30 ms is "ok" between 29 ms and 1 s: late is the machine's fault, early is ours.
 * Standard input must be an open pipe; the first line written into it must come 200 ms after the start
 * or later. usage: timers */
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

#include "guest_check.h"

enum { WAIT_MS = 30, EARLIEST_MS = 29, LATEST_MS = 1000 };

static const uint64_t MILLISECOND = 1000000; /* ns */

static uint64_t now(__wasi_clockid_t clock) {
  __wasi_timestamp_t time = 0;
  int error = __wasi_clock_time_get(clock, 1, &time);
  if (error != 0) report("clock_time_get", "%s", errno_name(error));
  return time;
}

static void report_elapsed(const char *name, uint64_t since, int error) {
  long elapsed_ms = (long)((now(__WASI_CLOCKID_MONOTONIC) - since) / MILLISECOND);
  if (error != 0) report(name, "%s", errno_name(error));
  else if (elapsed_ms < EARLIEST_MS) report(name, "early %ld", elapsed_ms);
  else if (elapsed_ms > LATEST_MS) report(name, "late %ld", elapsed_ms);
  else report(name, "ok");
}

static __wasi_subscription_t timer(uint64_t userdata, __wasi_clockid_t clock, uint64_t timeout, int is_absolute) {
  __wasi_subscription_t subscription = {.userdata = userdata};
  subscription.u.tag = __WASI_EVENTTYPE_CLOCK;
  subscription.u.u.clock.id = clock;
  subscription.u.u.clock.timeout = timeout;
  subscription.u.u.clock.flags = is_absolute ? __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME : 0;
  return subscription;
}

static __wasi_subscription_t descriptor(uint64_t userdata, __wasi_eventtype_t type, __wasi_fd_t fd) {
  __wasi_subscription_t subscription = {.userdata = userdata};
  subscription.u.tag = type;
  subscription.u.u.fd_read.file_descriptor = fd;
  return subscription;
}

static __wasi_event_t events[4];

static int poll_events(__wasi_subscription_t *subscriptions, int count, __wasi_size_t *event_count) {
  *event_count = 99;
  memset(events, 0xff, sizeof events);
  return __wasi_poll_oneoff(subscriptions, events, (size_t)count, event_count);
}

static void check_clock(const char *name, __wasi_clockid_t clock, int is_absolute) {
  uint64_t start = now(__WASI_CLOCKID_MONOTONIC);
  uint64_t timeout = WAIT_MS * MILLISECOND + (is_absolute ? now(clock) : 0);
  __wasi_subscription_t subscription = timer(7, clock, timeout, is_absolute);
  __wasi_size_t count;
  int error = poll_events(&subscription, 1, &count);
  if (error == 0 && (count != 1 || events[0].userdata != 7 || events[0].error != 0 ||
                     events[0].type != __WASI_EVENTTYPE_CLOCK)) {
    report(name, "wrong event");
    return;
  }
  report_elapsed(name, start, error);
}

static void check_past_deadline(void) {
  __wasi_subscription_t subscription = timer(1, __WASI_CLOCKID_REALTIME, 1, 1);
  uint64_t start = now(__WASI_CLOCKID_MONOTONIC);
  __wasi_size_t count;
  int error = poll_events(&subscription, 1, &count);
  int is_quick = now(__WASI_CLOCKID_MONOTONIC) - start < 20 * MILLISECOND;
  report("past-deadline", "%s", error == 0 && count == 1 && is_quick ? "ok" : "wrong");
}

static void check_shorter_of_two(void) {
  __wasi_subscription_t both[] = {timer(1, __WASI_CLOCKID_MONOTONIC, 5000 * MILLISECOND, 0),
                                  timer(2, __WASI_CLOCKID_MONOTONIC, WAIT_MS * MILLISECOND, 0)};
  uint64_t start = now(__WASI_CLOCKID_MONOTONIC);
  __wasi_size_t count;
  int error = poll_events(both, 2, &count);
  if (error == 0 && (count != 1 || events[0].userdata != 2)) report("shorter-of-two", "wrong event");
  else report_elapsed("shorter-of-two", start, error);
}

static void check_input_and_clock(void) {
  __wasi_subscription_t both[] = {descriptor(1, __WASI_EVENTTYPE_FD_READ, 0),
                                  timer(2, __WASI_CLOCKID_MONOTONIC, WAIT_MS * MILLISECOND, 0)};
  uint64_t start = now(__WASI_CLOCKID_MONOTONIC);
  __wasi_size_t count;
  int error = poll_events(both, 2, &count);
  if (error == 0 && (count != 1 || events[0].userdata != 2)) report("input-and-clock", "wrong event");
  else report_elapsed("input-and-clock", start, error);

  both[1] = timer(2, __WASI_CLOCKID_MONOTONIC, 5000 * MILLISECOND, 0);
  error = poll_events(both, 2, &count);
  int is_input = error == 0 && count == 1 && events[0].userdata == 1 && events[0].type == __WASI_EVENTTYPE_FD_READ;
  char line[64];
  report("input-wakes", "%s", is_input && read(0, line, sizeof line) > 0 ? "ok" : "wrong");
}

static void check_odd_subscriptions(void) {
  __wasi_size_t count;
  report("no-subscriptions", "%s", errno_name(poll_events(NULL, 0, &count)));

  __wasi_subscription_t output = descriptor(3, __WASI_EVENTTYPE_FD_WRITE, 1);
  int error = poll_events(&output, 1, &count);
  int is_writable = error == 0 && count == 1 && events[0].error == 0 && events[0].type == __WASI_EVENTTYPE_FD_WRITE;
  report("output-writable", "%s", is_writable ? "ok" : "wrong");

  /* A bad descriptor is its subscription's failure, not the call's. */
  __wasi_subscription_t bad = descriptor(4, __WASI_EVENTTYPE_FD_READ, 77);
  error = poll_events(&bad, 1, &count);
  report("bad-descriptor", "%s", errno_name(error != 0 ? error : count == 1 ? events[0].error : 0));
}

static void check_clocks(void) {
  uint64_t first = now(__WASI_CLOCKID_MONOTONIC);
  report("monotonic", "%s", now(__WASI_CLOCKID_MONOTONIC) >= first ? "ok" : "wrong");
  report("realtime", "%s", now(__WASI_CLOCKID_REALTIME) / 1000000000 > 1700000000 ? "ok" : "wrong");
  uint64_t cpu_before = now(__WASI_CLOCKID_PROCESS_CPUTIME_ID);
  for (volatile int i = 0; i < 3000000; i++) {
  }
  report("cpu-time", "%s", now(__WASI_CLOCKID_PROCESS_CPUTIME_ID) > cpu_before ? "ok" : "wrong");
  __wasi_timestamp_t resolution = 0;
  int error = __wasi_clock_res_get(__WASI_CLOCKID_MONOTONIC, &resolution);
  report("resolution", "%s", error == 0 && resolution > 0 && resolution < 100 * MILLISECOND ? "ok" : "wrong");
  __wasi_timestamp_t time;
  report("unknown-clock", "%s", errno_name(__wasi_clock_time_get(99, 1, &time)));
}

static void check_libc_sleeps(void) {
  uint64_t start = now(__WASI_CLOCKID_MONOTONIC);
  usleep(WAIT_MS * 1000);
  report_elapsed("usleep", start, 0);
  start = now(__WASI_CLOCKID_MONOTONIC);
  struct timespec duration = {.tv_nsec = WAIT_MS * 1000000};
  report_elapsed("nanosleep", start, nanosleep(&duration, NULL) < 0 ? errno : 0);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  check_clocks();
  check_libc_sleeps();
  check_clock("relative-monotonic", __WASI_CLOCKID_MONOTONIC, 0);
  check_clock("relative-realtime", __WASI_CLOCKID_REALTIME, 0);
  check_clock("absolute-monotonic", __WASI_CLOCKID_MONOTONIC, 1);
  check_clock("absolute-realtime", __WASI_CLOCKID_REALTIME, 1);
  check_past_deadline();
  check_shorter_of_two();
  check_odd_subscriptions();
  check_input_and_clock();
  return 0;
}
