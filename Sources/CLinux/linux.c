// Not in the header: with it, Clang would see two versions of the C library's types, here and in Swift's Glibc module.
#define _GNU_SOURCE
#include "CLinux.h"

#include <linux/fs.h>

int intray_pidfd_open(pid_t pid) {
  return (int)syscall(SYS_pidfd_open, pid, 0);
}

int intray_rename_noreplace(const char *from, const char *to) {
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int intray_rename_exchange(const char *one, const char *other) {
  return (int)syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}
