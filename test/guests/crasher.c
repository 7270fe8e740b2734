/* Ends badly in the way its argument names, always inside the same named functions, so that a test can
 * look for those names in the stack the engine prints.
 * usage: crasher unreachable|divide|memory|recursion|abort|exit STATUS|return STATUS */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both volatile: what a compiler knows of a division it computes itself. */
static volatile int zero = 0, one = 1;
static volatile int sink;

__attribute__((noinline)) static int recurse_for_ever(int depth) {
  sink = depth;
  if (depth < zero) return 0; /* never */
  int below = recurse_for_ever(depth + 1);
  return below + sink; /* work after the call: not a tail call */
}

__attribute__((noinline)) int crash_in_the_depth(const char *how, int status) {
  if (strcmp(how, "unreachable") == 0) __builtin_trap();
  if (strcmp(how, "divide") == 0) return one / zero;
  if (strcmp(how, "memory") == 0) return *(volatile int *)(uintptr_t)0xfffffff0u;
  if (strcmp(how, "recursion") == 0) return recurse_for_ever(0);
  if (strcmp(how, "abort") == 0) abort();
  if (strcmp(how, "exit") == 0) exit(status);
  return status;
}

__attribute__((noinline)) int call_the_crash(const char *how, int status) {
  int result = crash_in_the_depth(how, status);
  sink = result; /* keeps this frame on the stack */
  return result;
}

int main(int argc, char **argv) {
  puts("crasher: started");
  fflush(stdout);
  return call_the_crash(argc > 1 ? argv[1] : "unreachable", argc > 2 ? atoi(argv[2]) : 0);
}
