/* Prints "tick N" every INTERVAL milliseconds, COUNT times. usage: ticker COUNT INTERVAL */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 3;
  int interval_ms = argc > 2 ? atoi(argv[2]) : 100;
  for (int i = 1; i <= count; i++) {
    usleep((useconds_t)interval_ms * 1000);
    printf("tick %d\n", i);
    fflush(stdout);
  }
  return 0;
}
