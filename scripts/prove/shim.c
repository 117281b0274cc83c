/*
 * Preloaded into a daemon, between SQLite and libc: writes down what is done to the database, its write-ahead log and
 * its rollback journal, with the data, and makes chosen operations fail.
 *
 *   PROVE_DATABASE   path of the database, as SQLite opens it
 *   PROVE_RECORDING  file that gets a record for each operation once it has succeeded; unset: none is kept
 *   PROVE_FAULT      file with a struct fault, mapped: whoever writes to it arms and lifts a fault; unset: none happens
 *
 * SQLite calls libc's functions, whose names this library takes. The runtime's own file functions make their system
 * calls themselves: those that write, cut or sync and do not come from libc are trapped (seccomp) and sent the same way.
 * That nothing is missed is checked by whoever uses this: a recording replayed must give the files as they are. What the
 * program starts must not be traced so: a filter outlives exec, and would trap another libc.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum file { DATABASE, LOG, JOURNAL, DIRECTORY, FILES };
enum operation { WRITE = 1, TRUNCATE, SYNC, CREATE, UNLINK, SYNC_FAILED, UNFORESEEN };

/* All little-endian, as the machines this runs on are. */
struct record {
  uint32_t operation;
  uint32_t file;
  uint64_t offset;
  uint64_t length;
};

/* The nth operation of a kind since the fault was armed fails, and `for_good` all of that kind after it. */
struct fault {
  uint32_t armed;
  uint32_t operation;
  uint32_t error;
  uint32_t nth;
  uint32_t for_good;
  uint32_t seen;
  uint32_t struck;
};

#define DESCRIPTORS 65536
static unsigned char file_of[DESCRIPTORS]; /* one more than its enum file; 0: not ours */
static char path_of[FILES][4096];
static int recording = -1;
static struct fault *fault;
void trap_others(void);

__attribute__((constructor)) static void begin(void) {
  const char *database = getenv("PROVE_DATABASE");
  if (database == NULL || strlen(database) > 4000) return;
  snprintf(path_of[DATABASE], sizeof path_of[0], "%s", database);
  snprintf(path_of[LOG], sizeof path_of[0], "%s-wal", database);
  snprintf(path_of[JOURNAL], sizeof path_of[0], "%s-journal", database);
  snprintf(path_of[DIRECTORY], sizeof path_of[0], "%s", database);
  char *slash = strrchr(path_of[DIRECTORY], '/');
  if (slash != NULL) *slash = 0;
  trap_others();
  const char *path = getenv("PROVE_RECORDING");
  if (path != NULL) recording = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  path = getenv("PROVE_FAULT");
  if (path == NULL) return;
  int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  if (map != MAP_FAILED) fault = map;
}

static int file_named(const char *path) {
  if (path == NULL || path_of[DATABASE][0] == 0) return -1;
  for (int file = 0; file < FILES; file++)
    if (strcmp(path, path_of[file]) == 0) return file;
  return -1;
}

static int file_at(int fd) { return fd < 0 || fd >= DESCRIPTORS ? -1 : file_of[fd] - 1; }

/* The same for a descriptor that may have been opened past libc: it is known by what it leads to. */
static int file_behind(int fd) {
  if (file_at(fd) >= 0) return file_at(fd);
  int kept_errno = errno;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = kept_errno;
  if (length < 0) return -1;
  path[length] = 0;
  return file_named(path);
}

static void record(enum operation operation, int file, uint64_t offset, const void *data, uint64_t length) {
  if (recording < 0) return;
  int kept_errno = errno;
  struct record head = {operation, file, offset, length};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, data == NULL ? 0 : length}};
  /* One call, so that records are whole; a recording with a gap would prove nothing. */
  ssize_t wanted = parts[0].iov_len + parts[1].iov_len;
  if (syscall(SYS_writev, recording, parts, 2) != wanted) abort();
  errno = kept_errno;
}

/* Whether this operation is to fail; errno is set then. */
static int strikes(enum operation operation, int file) {
  if (fault == NULL || !fault->armed || fault->operation != operation || file > JOURNAL) return 0;
  fault->seen++;
  if (fault->seen < fault->nth || (fault->seen > fault->nth && !fault->for_good)) return 0;
  fault->struck++;
  errno = fault->error;
  return 1;
}

#define NEXT(name) \
  static __typeof__(&name) next; \
  if (next == NULL) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int opened(int fd, const char *path, int existed) {
  int file = file_named(path);
  if (fd < 0 || fd >= DESCRIPTORS) return fd;
  file_of[fd] = file + 1;
  if (file >= 0 && file != DIRECTORY && !existed) record(CREATE, file, 0, NULL, 0);
  return fd;
}

static int exists(const char *path) {
  struct stat stat;
  return file_named(path) < 0 || syscall(SYS_newfstatat, AT_FDCWD, path, &stat, 0) == 0;
}

static mode_t mode_in(int flags, va_list arguments) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0; }

#define OPENER(name, parameters, path, call) \
  int name parameters { \
    NEXT(name); \
    va_list arguments; \
    va_start(arguments, flags); \
    mode_t mode = mode_in(flags, arguments); \
    va_end(arguments); \
    int existed = exists(path); \
    return opened(call, path, existed); \
  }

OPENER(open, (const char *path, int flags, ...), path, next(path, flags, mode))
OPENER(open64, (const char *path, int flags, ...), path, next(path, flags, mode))
OPENER(openat, (int at, const char *path, int flags, ...), path, next(at, path, flags, mode))
OPENER(openat64, (int at, const char *path, int flags, ...), path, next(at, path, flags, mode))

int close(int fd) {
  NEXT(close);
  if (fd >= 0 && fd < DESCRIPTORS) file_of[fd] = 0;
  return next(fd);
}

/* A write that fails leaves half of itself, as one may that met a bad sector. */
static ssize_t written(int file, int fd, const void *data, size_t length, off_t offset) {
  int struck = strikes(WRITE, file);
  int error = errno;
  ssize_t done = syscall(SYS_pwrite64, fd, data, struck ? length / 2 : length, offset);
  if (done > 0) record(WRITE, file, offset, data, done);
  if (!struck) return done;
  errno = error;
  return -1;
}

static int is_data(int file) { return file >= DATABASE && file <= JOURNAL; }

#define POSITIONED(name, offset_type) \
  ssize_t name(int fd, const void *data, size_t length, offset_type offset) { \
    NEXT(name); \
    int file = file_behind(fd); \
    return is_data(file) ? written(file, fd, data, length, offset) : next(fd, data, length, offset); \
  }

POSITIONED(pwrite, off_t)
POSITIONED(pwrite64, off64_t)

/* SQLite uses none of these here. Should that change, the recording says so instead of leaving something out. */
#define UNUSED(result, name, parameters, arguments) \
  result name parameters { \
    NEXT(name); \
    if (is_data(file_at(fd))) record(UNFORESEEN, file_at(fd), 0, NULL, 0); \
    return next arguments; \
  }

UNUSED(ssize_t, write, (int fd, const void *data, size_t length), (fd, data, length))
UNUSED(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
UNUSED(ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at))
UNUSED(ssize_t, pwritev64, (int fd, const struct iovec *parts, int count, off64_t at), (fd, parts, count, at))
UNUSED(int, fallocate, (int fd, int mode, off_t at, off_t length), (fd, mode, at, length))
UNUSED(int, posix_fallocate, (int fd, off_t at, off_t length), (fd, at, length))

#define TRUNCATER(name, offset_type) \
  int name(int fd, offset_type length) { \
    NEXT(name); \
    int file = file_behind(fd); \
    if (!is_data(file)) return next(fd, length); \
    if (strikes(TRUNCATE, file)) return -1; \
    int failed = next(fd, length); \
    if (!failed) record(TRUNCATE, file, length, NULL, 0); \
    return failed; \
  }

TRUNCATER(ftruncate, off_t)
TRUNCATER(ftruncate64, off64_t)

#define SYNCER(name) \
  int name(int fd) { \
    NEXT(name); \
    int file = file_behind(fd); \
    if (file < 0) return next(fd); \
    int failed = strikes(SYNC, file) ? -1 : next(fd); \
    record(failed ? SYNC_FAILED : SYNC, file, 0, NULL, 0); \
    return failed; \
  }

SYNCER(fsync)
SYNCER(fdatasync)

static int unlinked(int failed, const char *path) {
  int file = file_named(path);
  if (!failed && file >= 0) record(UNLINK, file, 0, NULL, 0);
  return failed;
}

int unlink(const char *path) {
  NEXT(unlink);
  return unlinked(next(path), path);
}

int unlinkat(int at, const char *path, int flags) {
  NEXT(unlinkat);
  return unlinked(next(at, path, flags), path);
}

static int renamed(int failed, const char *from, const char *to) {
  int file = file_named(from) >= 0 ? file_named(from) : file_named(to);
  if (!failed && file >= 0) record(UNFORESEEN, file, 0, NULL, 0);
  return failed;
}

int rename(const char *from, const char *to) {
  NEXT(rename);
  return renamed(next(from, to), from, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
  NEXT(renameat);
  return renamed(next(from_at, from, to_at, to), from, to);
}
