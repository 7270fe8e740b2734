/* Exercises files and directories below one directory; prints one line per check.
 * Lines that begin with "escape." try to leave the directory: natively they succeed, in a sandbox none may.
 * usage: files DIRECTORY   (empty before the run, apart from what the test puts there, see check_escapes) */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest_check.h"

enum { PATH_SIZE = 512 };

static const char *root;

/* ROOT/name; four results stay valid at a time. */
static const char *in_root(const char *name) {
  static char paths[4][PATH_SIZE];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, PATH_SIZE, "%s/%s", root, name);
  return path;
}

static int open_in_root(const char *name, int flags) { return open(in_root(name), flags, 0644); }

static void write_text(const char *name, const char *text) {
  int fd = open_in_root(name, O_WRONLY | O_CREAT | O_TRUNC);
  if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) report(name, "cannot be written");
  close(fd);
}

static void report_text(const char *check, const char *name) {
  char text[128];
  int fd = open_in_root(name, O_RDONLY);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (length < 0) {
    report(check, "%s", errno_name(errno));
  } else {
    for (ssize_t i = 0; i < length; i++) {
      if (text[i] == '\0') text[i] = '0'; /* holes, made visible */
    }
    report(check, "%ld %.*s", (long)length, (int)length, text);
  }
  close(fd);
}

static void check_reading_and_writing(void) {
  int fd = open_in_root("data", O_RDWR | O_CREAT | O_EXCL);
  report_call("create", fd);
  report_call("create-again", open_in_root("data", O_RDWR | O_CREAT | O_EXCL));
  report("write", "%ld", (long)write(fd, "hello world", 11));
  report("tell", "%ld", (long)lseek(fd, 0, SEEK_CUR));
  report("seek", "%ld", (long)lseek(fd, 6, SEEK_SET));
  char buffer[32] = "";
  report("read", "%ld", (long)read(fd, buffer, 5));
  report("read-value", "%s", buffer);
  report("read-end", "%ld", (long)read(fd, buffer, 5));
  report("seek-end", "%ld", (long)lseek(fd, -3, SEEK_END));
  report_call("seek-before-start", lseek(fd, -100, SEEK_SET));
  report("pwrite", "%ld", (long)pwrite(fd, "WASM", 4, 20));
  report("tell-after-pwrite", "%ld", (long)lseek(fd, 0, SEEK_CUR));
  memset(buffer, 0, sizeof buffer);
  report("pread", "%ld", (long)pread(fd, buffer, 5, 0));
  report("pread-value", "%s", buffer);
  report("tell-after-pread", "%ld", (long)lseek(fd, 0, SEEK_CUR));
  report_text("hole", "data");
  report_call("sync", fsync(fd));
  report_call("datasync", fdatasync(fd));
  report_call("close", close(fd));
  report_call("close-again", close(fd));
  report_call("read-closed", read(fd, buffer, 1));
}

static void check_open_modes(void) {
  write_text("modes", "0123456789");
  int fd = open_in_root("modes", O_WRONLY | O_APPEND);
  lseek(fd, 0, SEEK_SET);
  report("append", "%ld", (long)write(fd, "AB", 2));
  close(fd);
  report_text("append-value", "modes");
  char byte;
  fd = open_in_root("modes", O_WRONLY);
  report("read-write-only", "%s", read(fd, &byte, 1) < 0 ? "fails" : "ok");
  close(fd);
  fd = open_in_root("modes", O_RDONLY);
  report("write-read-only", "%s", write(fd, "x", 1) < 0 ? "fails" : "ok");
  close(fd);
  close(open_in_root("modes", O_WRONLY | O_TRUNC));
  report_text("truncate-on-open", "modes");
  report_call("open-missing", open_in_root("missing", O_RDONLY));
  report_call("open-below-file", open_in_root("modes/x", O_RDONLY));
  report_call("open-directory-for-writing", open_in_root(".", O_WRONLY));
  report_call("open-file-as-directory", open_in_root("modes", O_RDONLY | O_DIRECTORY));
  char long_name[300];
  memset(long_name, 'n', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  report_call("open-long-name", open_in_root(long_name, O_RDONLY));
}

static void check_sizes_and_times(void) {
  struct stat status;
  write_text("sized", "0123456789");
  int fd = open_in_root("sized", O_RDWR);
  report_call("ftruncate-shorter", ftruncate(fd, 4));
  report_text("shorter", "sized");
  report_call("ftruncate-longer", ftruncate(fd, 6));
  report_text("longer", "sized");
  report_call("fallocate", posix_fallocate(fd, 0, 12) == 0 ? 0 : -1);
  report_call("fstat", fstat(fd, &status));
  report("fstat-value", "size %ld regular %d links %ld", (long)status.st_size, S_ISREG(status.st_mode),
         (long)status.st_nlink);
  struct timespec times[2] = {{.tv_sec = 1000000000, .tv_nsec = 500}, {.tv_sec = 1234567890, .tv_nsec = 123456789}};
  report_call("futimens", futimens(fd, times));
  report_call("stat", stat(in_root("sized"), &status));
  report("times-value", "%lld.%09ld %lld.%09ld", (long long)status.st_atim.tv_sec, status.st_atim.tv_nsec,
         (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = 1111111111;
  report_call("utimensat", utimensat(AT_FDCWD, in_root("sized"), times, 0));
  stat(in_root("sized"), &status);
  report("times-omitted", "%lld %lld", (long long)status.st_atim.tv_sec, (long long)status.st_mtim.tv_sec);
  report_call("utimensat-now", utimensat(AT_FDCWD, in_root("sized"), NULL, 0));
  stat(in_root("sized"), &status);
  report("times-now", "%s", status.st_mtim.tv_sec > 1700000000 ? "ok" : "wrong");
  report_call("stat-missing", stat(in_root("missing"), &status));
  close(fd);
}

static int compare_names(const void *left, const void *right) {
  return strcmp((const char *)left, (const char *)right);
}

/* The sorted entries of a directory, and how many of them were "." and "..". */
static void report_entries(const char *check, const char *name) {
  enum { MOST = 64, NAME = 64 };
  static char names[MOST][NAME];
  int count = 0, dots = 0;
  DIR *directory = opendir(in_root(name));
  if (directory == NULL) {
    report(check, "%s", errno_name(errno));
    return;
  }
  struct dirent *entry;
  while ((entry = readdir(directory)) != NULL && count < MOST) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
      dots++;
      continue;
    }
    const char *type = entry->d_type == DT_DIR ? "/" : entry->d_type == DT_LNK ? "@" : "";
    snprintf(names[count++], NAME, "%.60s%s", entry->d_name, type);
  }
  closedir(directory);
  qsort(names, (size_t)count, NAME, compare_names);
  printf("%s dots %d:", check, dots);
  for (int i = 0; i < count; i++) printf(" %s", names[i]);
  putchar('\n');
}

static void check_directories(void) {
  report_call("mkdir", mkdir(in_root("dir"), 0755));
  report_call("mkdir-again", mkdir(in_root("dir"), 0755));
  report_call("mkdir-below-missing", mkdir(in_root("missing/dir"), 0755));
  report_entries("readdir-empty", "dir");
  write_text("dir/one", "1");
  write_text("dir/two", "2");
  mkdir(in_root("dir/sub"), 0755);
  report_call("symlink-in-dir", symlink("one", in_root("dir/link")));
  report_entries("readdir", "dir");
  report_call("rmdir-full", rmdir(in_root("dir")));
  report_call("rmdir-file", rmdir(in_root("dir/one")));
  report("unlink-directory", "%s", unlink(in_root("dir/sub")) < 0 ? "fails" : "ok");
  report_call("rmdir", rmdir(in_root("dir/sub")));
  report_call("opendir-missing", opendir(in_root("missing")) == NULL ? -1 : 0);
}

/* More entries than one host call returns; an entry must neither vanish nor come twice. */
static void check_many_entries(void) {
  enum { COUNT = 500 };
  static const char prefix[] = "entry-with-a-longer-name-";
  char name[64];
  static unsigned char seen[COUNT];
  mkdir(in_root("many"), 0755);
  for (int i = 0; i < COUNT; i++) {
    snprintf(name, sizeof name, "many/%s%d", prefix, i);
    close(open_in_root(name, O_WRONLY | O_CREAT));
  }
  int strays = 0;
  DIR *directory = opendir(in_root("many"));
  struct dirent *entry;
  while (directory != NULL && (entry = readdir(directory)) != NULL) {
    int number = strncmp(entry->d_name, prefix, strlen(prefix)) == 0 ? atoi(entry->d_name + strlen(prefix)) : -1;
    if (number >= 0 && number < COUNT) {
      seen[number]++;
    } else if (entry->d_name[0] != '.') {
      strays++;
    }
  }
  if (directory != NULL) closedir(directory);
  int once = 0;
  for (int i = 0; i < COUNT; i++) once += seen[i] == 1;
  report("many-entries", "%d once, %d strays", once, strays);
}

static void check_names(void) {
  struct stat status;
  write_text("old", "old");
  write_text("victim", "victim");
  report_call("rename", rename(in_root("old"), in_root("new")));
  report_text("rename-value", "new");
  report_call("rename-over", rename(in_root("new"), in_root("victim")));
  report_text("rename-over-value", "victim");
  report_call("rename-missing", rename(in_root("old"), in_root("x")));
  report_call("rename-into-dir", rename(in_root("victim"), in_root("dir/victim")));
  report_call("rename-over-full-dir", rename(in_root("many"), in_root("dir")));
  report_call("link", link(in_root("dir/one"), in_root("hard")));
  report_call("link-again", link(in_root("dir/one"), in_root("hard")));
  stat(in_root("hard"), &status);
  report("link-count", "%ld", (long)status.st_nlink);
  report_call("unlink", unlink(in_root("hard")));
  report_call("unlink-again", unlink(in_root("hard")));
}

static void check_symbolic_links(void) {
  struct stat status;
  char target[PATH_SIZE] = "";
  report_call("symlink", symlink("dir/one", in_root("soft")));
  report_call("symlink-again", symlink("dir/one", in_root("soft")));
  report("readlink", "%ld", (long)readlink(in_root("soft"), target, sizeof target));
  report("readlink-value", "%s", target);
  report("readlink-short", "%ld", (long)readlink(in_root("soft"), target, 3));
  report_call("readlink-file", readlink(in_root("dir/one"), target, sizeof target));
  report_text("symlink-followed", "soft");
  lstat(in_root("soft"), &status);
  report("lstat", "link %d", S_ISLNK(status.st_mode));
  stat(in_root("soft"), &status);
  report("stat-follows", "regular %d", S_ISREG(status.st_mode));
  report_call("open-nofollow", open_in_root("soft", O_RDONLY | O_NOFOLLOW));
  symlink("loop", in_root("loop"));
  report_call("open-loop", open_in_root("loop", O_RDONLY));
  symlink("missing", in_root("dangling"));
  report_call("open-dangling", open_in_root("dangling", O_RDONLY));
  symlink("../soft", in_root("dir/up"));
  report_text("symlink-up-and-down", "dir/up");
  report_text("dot-dot-inside", "dir/../soft");
}

/* The test puts these in place before the run: SECRET beside the directory and, in it, outlink → an
 * absolute path, uplink → ../SECRET, dirlink → .. (the parent directory). */
static void check_escapes(const char *secret) {
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "../%s", secret);
  report_call("escape.dot-dot", open_in_root(path, O_RDONLY));
  snprintf(path, sizeof path, "dir/../../%s", secret);
  report_call("escape.dot-dot-later", open_in_root(path, O_RDONLY));
  report_call("escape.absolute", open("/etc/passwd", O_RDONLY));
  report_call("escape.outlink", open_in_root("outlink", O_RDONLY));
  report_call("escape.uplink", open_in_root("uplink", O_RDONLY));
  snprintf(path, sizeof path, "dirlink/%s", secret);
  report_call("escape.dirlink", open_in_root(path, O_RDONLY));
  report_call("escape.create", open_in_root("../made-outside", O_WRONLY | O_CREAT));
  report_call("escape.create-by-link", open_in_root("dirlink/made-outside", O_WRONLY | O_CREAT));
  report_call("escape.mkdir", mkdir(in_root("../dir-outside"), 0755));
  report_call("escape.rename", rename(in_root("dir/two"), in_root("../moved-outside")));
  report_call("escape.unlink", unlink(in_root("dirlink/unlink-me")));
  report_call("escape.link", link(in_root("dirlink/link-me"), in_root("linked")));
  struct stat status;
  report_call("escape.stat", stat(in_root("uplink"), &status));
  report_call("escape.opendir", opendir(in_root("dirlink")) == NULL ? -1 : 0);
  /* A link that is made here and points outside may exist, but must not be followed. */
  symlink("/etc/passwd", in_root("own-outlink"));
  report_call("escape.own-outlink", open_in_root("own-outlink", O_RDONLY));
  symlink("../..", in_root("own-uplink"));
  report_call("escape.own-uplink", open_in_root("own-uplink/etc/passwd", O_RDONLY));
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fputs("usage: files DIRECTORY [SECRET]\n", stderr);
    return 2;
  }
  root = argv[1];
  check_reading_and_writing();
  check_open_modes();
  check_sizes_and_times();
  check_directories();
  check_many_entries();
  check_names();
  check_symbolic_links();
  report_entries("end", ".");
  if (argc > 2) check_escapes(argv[2]);
  return 0;
}
