/// Linux system calls and constants that Swift cannot import from Glibc on its own.
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/eventfd.h>
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

/// pipe2(2) with O_CLOEXEC: `ends[0]` reads, `ends[1]` writes. Both numbers are 10 or more, so that posix_spawn(3) can
/// give a child low numbers without overwriting them.
int intray_pipe(int ends[2]);

/// A new file in memory with this content, open at its start, close-on-exec, numbered 10 or more (memfd_create(2)).
int intray_memory_file(const void *bytes, size_t count);

/// posix_spawn_file_actions_addclosefrom_np(3): the child closes all descriptors from this number on.
int intray_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

/// posix_spawn_file_actions_addchdir_np(3): the child starts in this folder.
int intray_spawn_change_folder(posix_spawn_file_actions_t *actions, const char *folder);

/// A counter to wake a thread in poll(2): close-on-exec, non-blocking (eventfd(2)).
int intray_eventfd(void);

/// From now on the signal only sets a flag; system calls that it interrupts are restarted where Linux can.
int intray_flag_signal(int signal);

/// Not 0 once a flagged signal has come.
int intray_signal_came(int signal);

/// What `ps` and `top` show for this process, cut to 15 bytes. To be called on the main thread.
void intray_name_process(const char *name);
