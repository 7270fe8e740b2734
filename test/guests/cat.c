/* Copies standard input to standard output as it arrives; "to stderr" after the end, to see both streams. */
#include <stdio.h>
#include <unistd.h>

int main(void) {
  static char buffer[65536];
  for (;;) {
    ssize_t length = read(0, buffer, sizeof buffer);
    if (length < 0) {
      perror("cat: read");
      return 1;
    }
    if (length == 0) break;
    for (ssize_t written = 0; written < length;) {
      ssize_t part = write(1, buffer + written, (size_t)(length - written));
      if (part < 0) {
        perror("cat: write");
        return 1;
      }
      written += part;
    }
  }
  fputs("cat: end of input\n", stderr);
  return 0;
}
