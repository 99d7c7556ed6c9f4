/// Linux system calls and constants that Swift cannot import from Glibc on its own.
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/// A file descriptor that becomes readable when the process ends (pidfd_open(2)); -1 and errno on failure.
int intray_pidfd_open(pid_t pid);

/// rename(2) that refuses to replace: EEXIST when the target exists (renameat2(2), RENAME_NOREPLACE).
int intray_rename_noreplace(const char *from, const char *to);

/// Swaps two paths in one step (renameat2(2), RENAME_EXCHANGE).
int intray_rename_exchange(const char *one, const char *other);
