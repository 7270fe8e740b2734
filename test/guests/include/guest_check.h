/* Self-checking guests print one line per check, "NAME RESULT", so that a test can compare the lines of
 * a WebAssembly run with those of a native run of the same source. */
#ifndef GUEST_CHECK_H
#define GUEST_CHECK_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* errno numbers differ between WASI and Linux, names do not. */
static inline const char *errno_name(int code) {
  static const struct {
    int code;
    const char *name;
  } names[] = {
      {0, "ok"},
      {EACCES, "EACCES"},
      {EADDRINUSE, "EADDRINUSE"},
      {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
      {EAFNOSUPPORT, "EAFNOSUPPORT"},
      {EAGAIN, "EAGAIN"},
      {EALREADY, "EALREADY"},
      {EBADF, "EBADF"},
      {ECONNABORTED, "ECONNABORTED"},
      {ECONNREFUSED, "ECONNREFUSED"},
      {ECONNRESET, "ECONNRESET"},
      {EDESTADDRREQ, "EDESTADDRREQ"},
      {EEXIST, "EEXIST"},
      {EHOSTUNREACH, "EHOSTUNREACH"},
      {EINPROGRESS, "EINPROGRESS"},
      {EINVAL, "EINVAL"},
      {EIO, "EIO"},
      {EISCONN, "EISCONN"},
      {EISDIR, "EISDIR"},
      {ELOOP, "ELOOP"},
      {EMSGSIZE, "EMSGSIZE"},
      {ENAMETOOLONG, "ENAMETOOLONG"},
      {ENETUNREACH, "ENETUNREACH"},
      {ENOENT, "ENOENT"},
      {ENOSYS, "ENOSYS"},
      {ENOTCONN, "ENOTCONN"},
      {ENOTDIR, "ENOTDIR"},
      {ENOTEMPTY, "ENOTEMPTY"},
      {ENOTSOCK, "ENOTSOCK"},
      {ENOTSUP, "ENOTSUP"},
      {EPERM, "EPERM"},
      {EPIPE, "EPIPE"},
      {EROFS, "EROFS"},
      {ESPIPE, "ESPIPE"},
      {ETIMEDOUT, "ETIMEDOUT"},
      {EXDEV, "EXDEV"},
#ifdef ENOTCAPABLE
      {ENOTCAPABLE, "ENOTCAPABLE"},
#endif
  };
  static char other[24];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (names[i].code == code) return names[i].name;
  }
  snprintf(other, sizeof other, "errno-%d", code);
  return other;
}

/* Prints NAME and what `format` makes. */
__attribute__((format(printf, 2, 3))) static inline void report(const char *name, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printf("%s ", name);
  vprintf(format, arguments);
  putchar('\n');
  va_end(arguments);
}

/* For calls that return -1 and set errno, as libc's do. */
static inline void report_call(const char *name, long result) {
  report(name, "%s", errno_name(result < 0 ? errno : 0));
}

/* For calls that return a negative errno, as those of guest_net.h do. */
static inline void report_net(const char *name, int result) { report(name, "%s", errno_name(result < 0 ? -result : 0)); }

#endif
