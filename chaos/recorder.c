/* Records what a process writes, syncs and names below one directory, so that a run can find out
 * what a machine that lost its power would have kept.
 *
 *   cc -shared -fPIC -O2 -o recorder.so recorder.c -ldl -lpthread
 *   RECORD_BELOW=DATA-DIRECTORY RECORD_TO=FILE LD_PRELOAD=./recorder.so command
 *
 * A record: operation (1 octet), length of the path and of the data (4 octets each), offset
 * (8 octets), moments before and after in seconds of the monotonic clock (8 octets each, double),
 * path, data. All in the machine's order. It is written after the operation succeeded, and
 * appended by one system call, so what is there is whole when the process is killed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS 4096

struct head {
  uint8_t operation;
  uint32_t path;
  uint32_t data;
  int64_t offset;
  double before;
  double after;
} __attribute__((packed));

static char *names[DESCRIPTORS];
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int log_descriptor = -1;
static const char *below;
static size_t below_length;

static double now(void) {
  struct timespec moment;
  clock_gettime(CLOCK_MONOTONIC, &moment);
  return (double)moment.tv_sec + (double)moment.tv_nsec / 1e9;
}

__attribute__((constructor)) static void begin(void) {
  const char *to = getenv("RECORD_TO");
  below = getenv("RECORD_BELOW");
  if (to == NULL || below == NULL) return;
  below_length = strlen(below);
  log_descriptor = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_descriptor < 0) abort();
}

static int is_ours(const char *path) {
  return log_descriptor >= 0 && path != NULL && strncmp(path, below, below_length) == 0 &&
         (path[below_length] == '/' || path[below_length] == '\0');
}

static void record(char operation, const char *path, const void *data, size_t size, int64_t offset,
                   double before) {
  int kept = errno;
  struct head head = {(uint8_t)operation, (uint32_t)strlen(path), (uint32_t)size, offset, before, now()};
  struct iovec parts[] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)data, size}};
  ssize_t whole = (ssize_t)(sizeof head + head.path + size);
  if (syscall(SYS_writev, log_descriptor, parts, 3) != whole) abort();
  errno = kept;
}

static void remember(int descriptor, const char *path) {
  if (descriptor < 0 || descriptor >= DESCRIPTORS) return;
  pthread_mutex_lock(&gate);
  free(names[descriptor]);
  names[descriptor] = path == NULL ? NULL : strdup(path);
  pthread_mutex_unlock(&gate);
}

/* The name under which a descriptor was opened, copied to a place of the caller. */
static int name_of(int descriptor, char *name) {
  int found = 0;
  if (descriptor < 0 || descriptor >= DESCRIPTORS || log_descriptor < 0) return 0;
  pthread_mutex_lock(&gate);
  if (names[descriptor] != NULL) {
    snprintf(name, PATH_MAX, "%s", names[descriptor]);
    found = 1;
  }
  pthread_mutex_unlock(&gate);
  return found;
}

#define REAL(type, name, ...)                             \
  static type (*real)(__VA_ARGS__);                       \
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, name)

static int opened(const char *path, int flags, int result, int was_there, double before) {
  if (result >= 0) {
    remember(result, is_ours(path) ? path : NULL);
    if (is_ours(path) && (flags & O_CREAT) && !was_there) record('c', path, NULL, 0, 0, before);
    if (is_ours(path) && (flags & O_TRUNC)) record('t', path, NULL, 0, 0, before);
  }
  return result;
}

#define OPEN(name)                                                       \
  int name(const char *path, int flags, ...) {                           \
    REAL(int, #name, const char *, int, ...);                            \
    mode_t mode = 0;                                                     \
    if (flags & (O_CREAT | O_TMPFILE)) {                                 \
      va_list rest;                                                      \
      va_start(rest, flags);                                             \
      mode = va_arg(rest, mode_t);                                       \
      va_end(rest);                                                      \
    }                                                                    \
    double before = now();                                               \
    int was_there = is_ours(path) && access(path, F_OK) == 0;            \
    return opened(path, flags, real(path, flags, mode), was_there, before); \
  }
OPEN(open)
OPEN(open64)

#define PWRITE(name, offset_type)                                                    \
  ssize_t name(int descriptor, const void *data, size_t size, offset_type offset) {  \
    REAL(ssize_t, #name, int, const void *, size_t, offset_type);                    \
    char path[PATH_MAX];                                                             \
    double before = now();                                                           \
    ssize_t result = real(descriptor, data, size, offset);                           \
    if (result > 0 && name_of(descriptor, path))                                     \
      record('w', path, data, (size_t)result, (int64_t)offset, before);              \
    return result;                                                                   \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int descriptor, const void *data, size_t size) {
  REAL(ssize_t, "write", int, const void *, size_t);
  char path[PATH_MAX];
  if (!name_of(descriptor, path)) return real(descriptor, data, size);
  double before = now();
  int64_t offset = (int64_t)lseek(descriptor, 0, SEEK_CUR);
  ssize_t result = real(descriptor, data, size);
  if (result > 0) record('w', path, data, (size_t)result, offset, before);
  return result;
}

#define TRUNCATE(name, offset_type)                                         \
  int name(int descriptor, offset_type size) {                              \
    REAL(int, #name, int, offset_type);                                     \
    char path[PATH_MAX];                                                    \
    double before = now();                                                  \
    int result = real(descriptor, size);                                    \
    if (result == 0 && name_of(descriptor, path))                           \
      record('t', path, NULL, 0, (int64_t)size, before);                    \
    return result;                                                          \
  }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                            \
  int name(int descriptor) {                                                  \
    REAL(int, #name, int);                                                    \
    char path[PATH_MAX];                                                      \
    double before = now();                                                    \
    int result = real(descriptor);                                            \
    if (result == 0 && name_of(descriptor, path)) record('s', path, NULL, 0, 0, before); \
    return result;                                                            \
  }
SYNC(fsync)
SYNC(fdatasync)

int close(int descriptor) {
  REAL(int, "close", int);
  remember(descriptor, NULL);
  return real(descriptor);
}

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  double before = now();
  int result = real(from, to);
  if (result == 0 && (is_ours(from) || is_ours(to))) record('r', from, to, strlen(to), 0, before);
  return result;
}

int link(const char *from, const char *to) {
  REAL(int, "link", const char *, const char *);
  double before = now();
  int result = real(from, to);
  if (result == 0 && is_ours(to)) record('l', from, to, strlen(to), 0, before);
  return result;
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  double before = now();
  int result = real(path);
  if (result == 0 && is_ours(path)) record('u', path, NULL, 0, 0, before);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  double before = now();
  int result = real(path, mode);
  if (result == 0 && is_ours(path)) record('d', path, NULL, 0, 0, before);
  return result;
}
