/*
 * The Intray plugin ABI 1.1. A runner is a shared library, lib<Name>.so, that exports one symbol:
 *
 *     const intray_plugin *intray_plugin_entry(void);
 *
 * (1) The host loads a plugin into a process of its own (intray-worker), once, and never unloads it. A crash costs one
 *     attempt of one job.
 * (2) Every struct begins with its own size in bytes. A field beyond the `size` that the other side wrote does not
 *     exist for you: check with INTRAY_HAS_FIELD before you read a field that a later minor version added.
 * (3) The major versions must be equal, and the plugin's minor version must not exceed the host's.
 * (4) Strings are UTF-8 and end with NUL. A string stays its maker's: the one who receives it copies what it keeps
 *     before the call returns. JSON is text in a string.
 * (5) `describe`, `run` and `plan` are called on the worker's main thread, one at a time. The host's callbacks may be
 *     called from any thread, and only until `run` or `plan` returns.
 *
 * 1.1 added `plan`. A plugin that was built for 1.0 goes on to work: its table is shorter.
 */
#ifndef INTRAY_PLUGIN_H
#define INTRAY_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define INTRAY_PLUGIN_ABI_MAJOR 1
#define INTRAY_PLUGIN_ABI_MINOR 1

/* For the entry point, where the build hides symbols: INTRAY_EXPORT const intray_plugin *intray_plugin_entry(void). */
#define INTRAY_EXPORT __attribute__((visibility("default")))

/* The exported symbol, for dlsym. */
#define INTRAY_PLUGIN_ENTRY "intray_plugin_entry"

#define INTRAY_HAS_FIELD(pointer, type, field) \
  ((pointer)->size >= offsetof(type, field) + sizeof((pointer)->field))

/* Severity of a log line; the numbers are syslog's, as the journal wants them. */
typedef enum intray_level {
  INTRAY_ERROR = 3,
  INTRAY_WARNING = 4,
  INTRAY_NOTICE = 5,
  INTRAY_INFO = 6,
  INTRAY_DEBUG = 7
} intray_level;

/* What `run` and `plan` return. Anything else counts as a failure that names the number. */
typedef enum intray_status {
  INTRAY_OK = 0,      /* the results (or the plan) are complete in output_dir */
  INTRAY_FAILED = 1,  /* `error` says why */
  INTRAY_STOPPED = 2  /* should_stop was heeded: the state is saved in work_dir and `run` can go on from there */
} intray_status;

/* One field of a structured log line. */
typedef struct intray_field {
  const char *key;
  const char *value;
} intray_field;

/* The host's callbacks, lent to `run` or `plan` until it returns. All of them take `context` first and may be called from any
 * thread. None of them fails. A plugin that calls `log`, `progress` or `checkpoint_saved` without end does no harm: what
 * is too much is left out, and the log says so. */
typedef struct intray_host {
  size_t size;
  void *context;
  /* A line for the journal and the job's log.jsonl. `fields` may be NULL when `count` is 0. Cut after 8 KiB and 32
   * fields; beyond 100 lines a second a line says how many were left out. */
  void (*log)(void *context, int32_t level, const char *message, const intray_field *fields, size_t count);
  /* `done` of `total` units of work are finished; `metrics` is a JSON object of numbers and short strings, at most 64 KiB,
   * or NULL. The host sees ten reports a second, and always the last one. */
  void (*progress)(void *context, double done, double total, const char *metrics);
  /* Not 0 once the job should save its state and return INTRAY_STOPPED. Cheap: ask as often as you like. */
  int32_t (*should_stop)(void *context);
  /* A complete checkpoint is on disk: an attempt that dies from now on has made progress and will be tried again. */
  void (*checkpoint_saved)(void *context);
} intray_host;

/* What to do, lent to `run` or `plan` until it returns. Folders are absolute paths and exist. */
typedef struct intray_job {
  size_t size;
  const char *spec;        /* the resolved spec as JSON: {"name", "run", "data": {"files", "columns"}, "with"} */
  const char *input_dir;   /* the batch: the files that the spec names; read only */
  const char *output_dir;  /* empty at the first call of an attempt; what is here when `run` returns INTRAY_OK is published */
  const char *work_dir;    /* survives attempts: checkpoints go here */
  const char *models_dir;  /* the model store: one folder per model; read only */
  uint32_t attempt;        /* 1 at the first attempt */
  uint32_t threads;        /* compute threads that the job may use, at least 1 */
} intray_job;

/* Filled in by `run` or `plan` when it fails. The buffers are the host's; write a NUL-terminated string, cut to fit. */
typedef struct intray_error {
  size_t size;
  int32_t transient;    /* not 0: the same job may work later (out of memory, a full disk), so the host tries again */
  char code[32];        /* a short word for programs, such as "data.column" */
  char message[1024];   /* what is wrong and where: "train.csv:7: ..." */
  char hint[512];       /* what the person can do, or empty */
} intray_error;

/* The plugin's table. It must stay valid for the life of the process. */
typedef struct intray_plugin {
  size_t size;
  uint32_t abi_major; /* INTRAY_PLUGIN_ABI_MAJOR of the header it was built with */
  uint32_t abi_minor; /* INTRAY_PLUGIN_ABI_MINOR of the same */
  /* JSON: {"name", "version", "summary", "data": {role: {"required", "columns", "description"}}, "parameters": JSON
   * Schema of `with`}. The plugin owns it; it must not change. docs/plugins.md describes each key. */
  const char *(*describe)(void);
  /* Runs one job to its end; returns an intray_status. Called at most once in a process. */
  int32_t (*run)(const intray_host *host, const intray_job *job, intray_error *error);
  /* Since 1.1; NULL where the runner cannot plan. Says what `run` would take, from the same spec and the same files,
   * and does none of its work: it leaves plan.json in output_dir, a JSON object of at most 4 MiB with "memory_bytes",
   * "seconds" and what else docs/plugins.md describes, and writes nothing else. What would make `run` fail and can be
   * seen beforehand fails `plan` with the same error. It takes seconds, and much less memory than `run`: the host asks
   * before it decides whether the job fits. Returns an intray_status. Called at most once in a process, and then before
   * `run`, which gets other folders. */
  int32_t (*plan)(const intray_host *host, const intray_job *job, intray_error *error);
} intray_plugin;

typedef const intray_plugin *(*intray_plugin_entry_function)(void);

#ifdef __cplusplus
}
#endif
#endif
