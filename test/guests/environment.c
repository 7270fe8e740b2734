/* Prints its arguments and environment, one a line: "arg N TEXT", "env NAME=VALUE". */
#include <stdio.h>

extern char **environ;

int main(int argc, char **argv) {
  for (int i = 0; i < argc; i++) printf("arg %d %s\n", i, argv[i]);
  for (char **variable = environ; *variable != NULL; variable++) printf("env %s\n", *variable);
  return 0;
}
