/**
 * Functions of C that modules are linked to and never come to call: OpenSSL in pgcrypto has parts for sockets, terminals and
 * locked memory, which nothing of pgcrypto uses. They fail as they would where there are no such things.
 */
const FAILURE = (): number => -1;
const NULL = (): number => 0;

export const ABSENT_FUNCTIONS: Readonly<Record<string, () => number>> = {
  gethostbyname: NULL,
  getsockname: FAILURE,
  getsockopt: FAILURE,
  madvise: FAILURE,
  mlock: FAILURE,
  mprotect: FAILURE,
  setbuf: NULL,
  setsockopt: FAILURE,
  shutdown: FAILURE,
  signal: FAILURE,
  sleep: NULL,
  tcgetattr: FAILURE,
  tcsetattr: FAILURE,
};
