// Not in the header: with it, Clang would see two versions of the C library's types, here and in Swift's Glibc module.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdatomic.h>

int intray_pidfd_open(pid_t pid) {
  return (int)syscall(SYS_pidfd_open, pid, 0);
}

int intray_rename_noreplace(const char *from, const char *to) {
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int intray_rename_exchange(const char *one, const char *other) {
  return (int)syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

static int move_up(int descriptor) {
  if (descriptor < 0 || descriptor >= 10) return descriptor;
  int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, 10);
  int error = errno;
  close(descriptor);
  errno = error;
  return moved;
}

int intray_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  ends[0] = move_up(ends[0]);
  ends[1] = move_up(ends[1]);
  if (ends[0] >= 0 && ends[1] >= 0) return 0;
  int error = errno;
  if (ends[0] >= 0) close(ends[0]);
  if (ends[1] >= 0) close(ends[1]);
  errno = error;
  return -1;
}

int intray_memory_file(const void *bytes, size_t count) {
  int file = move_up(memfd_create("intray", MFD_CLOEXEC));
  if (file < 0) return -1;
  const char *next = bytes;
  while (count > 0) {
    ssize_t written = write(file, next, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;
    next += written;
    count -= (size_t)written;
  }
  if (count == 0 && lseek(file, 0, SEEK_SET) == 0) return file;
  int error = errno;
  close(file);
  errno = error;
  return -1;
}

int intray_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

int intray_eventfd(void) {
  return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

// Lock-free, so a signal handler may write it (C11, 7.14.1.1).
static atomic_int came[NSIG];

static void remember(int signal) {
  atomic_store(&came[signal], 1);
}

int intray_flag_signal(int signal) {
  if (signal <= 0 || signal >= NSIG) {
    errno = EINVAL;
    return -1;
  }
  struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  return sigaction(signal, &action, NULL);
}

int intray_signal_came(int signal) {
  return signal > 0 && signal < NSIG ? atomic_load(&came[signal]) : 0;
}

void intray_name_process(const char *name) {
  // The kernel keeps 15 bytes (prctl(2), PR_SET_NAME).
  prctl(PR_SET_NAME, name, 0, 0, 0);
}

int intray_spawn_change_folder(posix_spawn_file_actions_t *actions, const char *folder) {
  return posix_spawn_file_actions_addchdir_np(actions, folder);
}
