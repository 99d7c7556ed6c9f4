/*
 * Echo: the example for plugin authors. It copies its input `repeat` times and counts the lines.
 *
 * It shows all that a runner has to do: describe itself, read its parameters, log, report progress, save checkpoints,
 * go on from one, stop when asked, and fail in good style; and it can say beforehand what a job would take. Build it
 * anywhere with
 *
 *     cc -std=c11 -O2 -shared -fPIC -I <folder of intray_plugin.h> echo.c -o libEcho.so
 *
 * and put libEcho.so into the plugins folder: runner `echo` lies in libEcho.so.
 *
 * (1) The state is work_dir/echo.partial, the copies made so far, and work_dir/echo.checkpoint, which says how many
 *     bytes of it count and what their hash is. The checkpoint is written after the copy is on disk, and replaced in one
 *     step: whenever the process dies, the two fit together. Where they do not, the job fails; it never starts afresh
 *     silently.
 * (2) The same input gives the same output, byte for byte, however often the job was interrupted.
 * (3) output_dir is only written at the end, from the complete copies.
 */
#define _POSIX_C_SOURCE 200809L

#include "intray_plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---------------------------------------------------------------------------------------------- describe */

/* The host checks a spec against this before anything runs, and fills in the defaults: `run` finds every parameter. */
static const char description[] =
    "{"
    "  \"name\": \"echo\","
    "  \"version\": \"1.0.0\","
    "  \"summary\": \"Copies its input and counts the lines: the example for plugin authors\","
    "  \"data\": {"
    "    \"input\": {\"required\": true, \"columns\": [], \"description\": \"the file to copy\"}"
    "  },"
    "  \"parameters\": {"
    "    \"type\": \"object\","
    "    \"properties\": {"
    "      \"repeat\": {\"type\": \"integer\", \"default\": 1, \"minimum\": 1, \"maximum\": 100,"
    "        \"description\": \"how many times the input is copied; each copy is a step with a checkpoint\"},"
    "      \"delay_ms\": {\"type\": \"integer\", \"default\": 0, \"minimum\": 0, \"maximum\": 60000,"
    "        \"description\": \"how long each step takes at least, in milliseconds\"},"
    "      \"fail\": {\"type\": \"string\", \"enum\": [\"none\", \"permanent\", \"transient\", \"first_attempt\", \"crash\"],"
    "        \"default\": \"none\", \"description\": \"fail before the first step, to see what Intray makes of it: once for"
    " all, at each attempt, at the first attempt only, or by a crash at each attempt\"}"
    "    },"
    "    \"required\": [],"
    "    \"additionalProperties\": false"
    "  }"
    "}";

static const char *describe(void) {
  return description;
}

/* ------------------------------------------------------------------------------------------------ errors */

/* Fills in the host's error and returns INTRAY_FAILED, so that a failing function ends with `return fail(...)`. */
static int32_t fail(intray_error *error, int transient, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int32_t fail(intray_error *error, int transient, const char *code, const char *format, ...) {
  error->transient = transient;
  snprintf(error->code, sizeof error->code, "%s", code);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  return INTRAY_FAILED;
}

/* A refused system call. A full disk may have room later: the host tries such a job again. */
static int32_t fail_errno(intray_error *error, const char *action, const char *path) {
  int number = errno;
  int transient = number == ENOSPC || number == EDQUOT || number == EIO || number == ENOMEM;
  return fail(error, transient, number == ENOENT ? "missing" : "system", "%s: cannot %s: %s", path, action,
              strerror(number));
}

/* -------------------------------------------------------------------------------------------------- JSON */

/*
 * A small strict scanner: enough to look values up in the spec. Every function takes a position in the text and
 * returns the position behind what it read, or NULL where the text is not what it should be.
 */
enum { MAX_DEPTH = 64 };

static const char *skip_space(const char *p) {
  while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') p++;
  return p;
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static const char *read_unit(const char *p, uint32_t *unit) {
  *unit = 0;
  for (int i = 0; i < 4; i++, p++) {
    int digit = hex(*p);
    if (digit < 0) return NULL;
    *unit = *unit * 16 + (uint32_t)digit;
  }
  return p;
}

/* Writes a code point as UTF-8; returns the number of bytes. */
static size_t put_utf8(uint32_t c, char out[4]) {
  if (c < 0x80) return out[0] = (char)c, 1;
  if (c < 0x800) return out[0] = (char)(0xC0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
  if (c < 0x10000) {
    out[0] = (char)(0xE0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)), out[2] = (char)(0x80 | (c & 63));
    return 3;
  }
  out[0] = (char)(0xF0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63));
  out[2] = (char)(0x80 | (c >> 6 & 63)), out[3] = (char)(0x80 | (c & 63));
  return 4;
}

/* Reads a string into `out`, NUL-terminated; NULL where it does not fit or holds a NUL. With out == NULL it only skips. */
static const char *read_string(const char *p, char *out, size_t capacity) {
  size_t used = 0;
  if (*p++ != '"') return NULL;
  while (*p != '"') {
    char bytes[4];
    size_t count = 1;
    if ((unsigned char)*p < 0x20) return NULL; /* the end of the text, or a control character that JSON forbids */
    if (*p != '\\') {
      bytes[0] = *p++;
    } else {
      static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
      const char *name = p[1] ? strchr(names, p[1]) : NULL;
      if (name) {
        bytes[0] = values[name - names];
        p += 2;
      } else {
        uint32_t c, low;
        if (p[1] != 'u' || !(p = read_unit(p + 2, &c)) || c == 0) return NULL;
        if (c >= 0xD800 && c < 0xDC00) { /* two units make one character */
          if (p[0] != '\\' || p[1] != 'u' || !(p = read_unit(p + 2, &low)) || low < 0xDC00 || low > 0xDFFF) return NULL;
          c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        } else if (c >= 0xDC00 && c < 0xE000) {
          return NULL;
        }
        count = put_utf8(c, bytes);
      }
    }
    if (!out) continue;
    if (used + count >= capacity) return NULL;
    memcpy(out + used, bytes, count);
    used += count;
  }
  if (out) out[used] = 0;
  return p + 1;
}

static const char *skip_value(const char *p, int depth) {
  p = skip_space(p);
  if (depth > MAX_DEPTH) return NULL;
  if (*p == '"') return read_string(p, NULL, 0);
  if (*p == '{' || *p == '[') {
    char close = *p == '{' ? '}' : ']';
    int is_object = *p == '{';
    p = skip_space(p + 1);
    if (*p == close) return p + 1;
    for (;;) {
      if (is_object) {
        if (!(p = read_string(skip_space(p), NULL, 0))) return NULL;
        p = skip_space(p);
        if (*p++ != ':') return NULL;
      }
      if (!(p = skip_value(p, depth + 1))) return NULL;
      p = skip_space(p);
      if (*p == close) return p + 1;
      if (*p++ != ',') return NULL;
    }
  }
  /* A number or a word: the host wrote it, so its inner form is right. */
  const char *start = p;
  while (*p && strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", *p)) p++;
  return p > start ? p : NULL;
}

/* The value of a member of the object at `p`, or NULL. */
static const char *member(const char *p, const char *key) {
  if (!p) return NULL;
  p = skip_space(p);
  if (*p++ != '{') return NULL;
  for (;;) {
    char name[128];
    p = skip_space(p);
    const char *after = read_string(p, name, sizeof name);
    int is_long = !after;
    if (is_long && !(after = read_string(p, NULL, 0))) return NULL;
    p = skip_space(after);
    if (*p++ != ':') return NULL;
    p = skip_space(p);
    if (!is_long && strcmp(name, key) == 0) return p;
    if (!(p = skip_value(p, 0))) return NULL;
    p = skip_space(p);
    if (*p++ != ',') return NULL;
  }
}

static int read_integer(const char *p, long low, long high, long *value) {
  if (!p || !(*p == '-' || (*p >= '0' && *p <= '9'))) return 0;
  char *end;
  errno = 0;
  *value = strtol(p, &end, 10);
  return errno == 0 && !strchr(".eE", *end ? *end : ' ') && *value >= low && *value <= high;
}

/* -------------------------------------------------------------------------------------------- parameters */

typedef struct parameters {
  char input[256]; /* a plain file name */
  long repeat;
  long delay_ms;
  char fail[32];
} parameters;

static int32_t read_parameters(const char *spec, parameters *out, intray_error *error) {
  const char *file = member(member(member(member(spec, "data"), "files"), "input"), "path");
  if (!file || !read_string(file, out->input, sizeof out->input)) {
    return fail(error, 0, "spec", "data: no file 'input'");
  }
  const char *with = member(spec, "with");
  if (!read_integer(member(with, "repeat"), 1, 100, &out->repeat)) {
    return fail(error, 0, "spec", "repeat: not an integer from 1 to 100");
  }
  if (!read_integer(member(with, "delay_ms"), 0, 60000, &out->delay_ms)) {
    return fail(error, 0, "spec", "delay_ms: not an integer from 0 to 60000");
  }
  const char *value = member(with, "fail");
  if (!value || !read_string(value, out->fail, sizeof out->fail)) return fail(error, 0, "spec", "fail: not a text");
  if (strcmp(out->fail, "permanent") == 0) {
    snprintf(error->hint, sizeof error->hint, "set 'fail: none'");
    return fail(error, 0, "data", "the spec asks to fail");
  }
  return INTRAY_OK;
}

/* ------------------------------------------------------------------------------------------------- files */

static int make_path(char out[4096], const char *folder, const char *name, intray_error *error) {
  if (snprintf(out, 4096, "%s/%s", folder, name) < 4096) return 1;
  fail(error, 0, "system", "%s: the path is too long", folder);
  return 0;
}

/* What has been done. */
typedef struct state {
  long steps;
  long long bytes;
  uint64_t hash; /* of the bytes: FNV-1a */
  long long newlines;
  int is_in_line; /* the last byte was no newline */
} state;

static const state nothing_done = {.hash = 0xcbf29ce484222325};

static void count(state *made, const char *bytes, ssize_t length) {
  for (ssize_t i = 0; i < length; i++) {
    made->hash = (made->hash ^ (unsigned char)bytes[i]) * 0x100000001b3;
    made->newlines += bytes[i] == '\n';
  }
  made->bytes += length;
  if (length > 0) made->is_in_line = bytes[length - 1] != '\n';
}

static long long lines(const state *made) {
  return made->newlines + made->is_in_line;
}

static int write_all(int file, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(file, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return 0;
    bytes += written;
    count -= (size_t)written;
  }
  return 1;
}

/* Copies the rest of `from` to `to`, or only reads it where there is no `to` (-1), and counts into `made`. */
static int32_t copy(int from, const char *from_path, int to, const char *to_path, state *made, intray_error *error) {
  static char buffer[64 << 10];
  for (;;) {
    ssize_t length = read(from, buffer, sizeof buffer);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return fail_errno(error, "read", from_path);
    if (length == 0) return INTRAY_OK;
    if (to >= 0 && !write_all(to, buffer, (size_t)length)) return fail_errno(error, "write", to_path);
    count(made, buffer, length);
  }
}

/* Makes a whole small file appear at once: write aside, sync, rename, sync the folder. */
static int32_t publish(const char *folder, const char *name, const char *text, intray_error *error) {
  char path[4096], aside[4096];
  if (!make_path(path, folder, name, error) || !make_path(aside, folder, ".echo.tmp", error)) return INTRAY_FAILED;
  int file = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return fail_errno(error, "create", aside);
  int is_written = write_all(file, text, strlen(text)) && fsync(file) == 0;
  int32_t status = is_written ? INTRAY_OK : fail_errno(error, "write", aside);
  close(file);
  if (status == INTRAY_OK && rename(aside, path) != 0) status = fail_errno(error, "create", path);
  if (status != INTRAY_OK) return status;
  int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0 || fsync(directory) != 0) status = fail_errno(error, "sync", folder);
  if (directory >= 0) close(directory);
  return status;
}

static int32_t save_checkpoint(const intray_job *job, const state *made, intray_error *error) {
  char text[128];
  snprintf(text, sizeof text, "echo 1 %ld %lld %016" PRIx64 "\n", made->steps, made->bytes, made->hash);
  return publish(job->work_dir, "echo.checkpoint", text, error);
}

static int32_t fail_checkpoint(intray_error *error, const char *path, const char *reason) {
  snprintf(error->hint, sizeof error->hint, "drop the batch again with 'force: true' to start afresh");
  return fail(error, 0, "data", "%s: %s", path, reason);
}

/* Where there is no checkpoint, nothing is done yet. `saved` gets the steps, the bytes and their hash. */
static int32_t read_checkpoint(const intray_job *job, state *saved, intray_error *error) {
  char path[4096], text[128] = "", expected[128];
  if (!make_path(path, job->work_dir, "echo.checkpoint", error)) return INTRAY_FAILED;
  *saved = nothing_done;
  FILE *file = fopen(path, "re");
  if (!file) return errno == ENOENT ? INTRAY_OK : fail_errno(error, "open", path);
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  sscanf(text, "echo 1 %ld %lld %" SCNx64, &saved->steps, &saved->bytes, &saved->hash);
  /* It is good when it is what would have been written. */
  int wanted = snprintf(expected, sizeof expected, "echo 1 %ld %lld %016" PRIx64 "\n", saved->steps, saved->bytes,
                        saved->hash);
  if ((size_t)wanted == length && memcmp(text, expected, length) == 0 && saved->steps > 0) return INTRAY_OK;
  return fail_checkpoint(error, path, "not a checkpoint of this runner");
}

/* Brings `partial` to the checkpoint's state, ready to be added to, and counts what is in it. */
static int32_t restore(int partial, const char *path, const state *saved, state *made, intray_error *error) {
  struct stat status;
  if (fstat(partial, &status) != 0) return fail_errno(error, "open", path);
  if (status.st_size < saved->bytes) return fail_checkpoint(error, path, "shorter than its checkpoint says");
  /* Bytes behind the checkpoint belong to a step that was interrupted. */
  if (ftruncate(partial, saved->bytes) != 0) return fail_errno(error, "truncate", path);
  *made = nothing_done;
  int32_t result = copy(partial, path, -1, NULL, made, error);
  if (result != INTRAY_OK) return result;
  if (made->hash != saved->hash) return fail_checkpoint(error, path, "not what its checkpoint says");
  made->steps = saved->steps;
  return INTRAY_OK;
}

/* --------------------------------------------------------------------------------------------------- run */

/* Takes `milliseconds`, or less when a stop is asked for. It stands for work; real work asks should_stop as often. */
static void work(const intray_host *host, long milliseconds) {
  while (milliseconds > 0 && !host->should_stop(host->context)) {
    long slice = milliseconds < 20 ? milliseconds : 20;
    struct timespec time = {.tv_sec = 0, .tv_nsec = slice * 1000000};
    nanosleep(&time, NULL);
    milliseconds -= slice;
  }
}

/* One more copy of the input behind what counts in `partial`. */
static int32_t step(const char *input, int partial, const char *partial_path, state *made, intray_error *error) {
  int source = open(input, O_RDONLY | O_CLOEXEC);
  if (source < 0) return fail_errno(error, "open", input);
  int32_t status = copy(source, input, partial, partial_path, made, error);
  close(source);
  if (status != INTRAY_OK) return status;
  /* The copy must be on disk before the checkpoint says so. */
  if (fsync(partial) != 0) return fail_errno(error, "sync", partial_path);
  made->steps++;
  return INTRAY_OK;
}

static int32_t write_results(
    const intray_job *job, const parameters *with, int partial, const char *partial_path, const state *made,
    intray_error *error) {
  char path[4096], metrics[256];
  if (!make_path(path, job->output_dir, with->input, error)) return INTRAY_FAILED;
  int result = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (result < 0) return fail_errno(error, "create", path);
  state copied = nothing_done;
  int32_t status = lseek(partial, 0, SEEK_SET) == 0 ? copy(partial, partial_path, result, path, &copied, error)
                                                    : fail_errno(error, "read", partial_path);
  if (close(result) != 0 && status == INTRAY_OK) status = fail_errno(error, "write", path);
  if (status != INTRAY_OK) return status;
  snprintf(metrics, sizeof metrics, "{\"bytes\": %lld, \"lines\": %lld, \"repeat\": %ld}\n", made->bytes,
           lines(made), with->repeat);
  return publish(job->output_dir, "metrics.json", metrics, error);
}

static int32_t run_steps(
    const intray_host *host, const intray_job *job, const parameters *with, int partial, const char *partial_path,
    state *made, intray_error *error) {
  char input[4096];
  if (!make_path(input, job->input_dir, with->input, error)) return INTRAY_FAILED;
  while (made->steps < with->repeat) {
    work(host, with->delay_ms);
    /* Everything up to the last checkpoint is saved, so there is nothing more to do before a stop. */
    if (host->should_stop(host->context)) return INTRAY_STOPPED;
    int32_t result = step(input, partial, partial_path, made, error);
    if (result == INTRAY_OK) result = save_checkpoint(job, made, error);
    if (result != INTRAY_OK) return result;
    host->checkpoint_saved(host->context);
    char metrics[64];
    snprintf(metrics, sizeof metrics, "{\"lines\": %lld}", lines(made));
    host->progress(host->context, (double)made->steps, (double)with->repeat, metrics);
  }
  return write_results(job, with, partial, partial_path, made, error);
}

static int32_t run(const intray_host *host, const intray_job *job, intray_error *error) {
  parameters with;
  state saved, made;
  int32_t status = read_parameters(job->spec, &with, error);
  if (status != INTRAY_OK) return status;

  if (strcmp(with.fail, "crash") == 0) abort();
  if (strcmp(with.fail, "transient") == 0 || (strcmp(with.fail, "first_attempt") == 0 && job->attempt == 1)) {
    return fail(error, 1, "system", "the spec asks to fail at attempt %" PRIu32, job->attempt);
  }

  status = read_checkpoint(job, &saved, error);
  if (status != INTRAY_OK) return status;
  char path[4096];
  if (!make_path(path, job->work_dir, "echo.partial", error)) return INTRAY_FAILED;
  int partial = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (partial < 0) return fail_errno(error, "open", path);
  status = restore(partial, path, &saved, &made, error);
  if (status == INTRAY_OK && made.steps > 0) {
    char number[32];
    snprintf(number, sizeof number, "%ld", made.steps);
    intray_field fields[] = {{"STEP", number}};
    host->log(host->context, INTRAY_NOTICE, "going on from the checkpoint", fields, 1);
  }
  if (status == INTRAY_OK) status = run_steps(host, job, &with, partial, path, &made, error);
  close(partial);
  if (status == INTRAY_OK) host->log(host->context, INTRAY_INFO, "all copies are made", NULL, 0);
  return status;
}

/* -------------------------------------------------------------------------------------------------- plan */

/* What `run` would take. The copies go through a small buffer, so memory does not grow with the input: what is counted
 * is the worker itself. */
static int32_t plan(const intray_host *host, const intray_job *job, intray_error *error) {
  (void)host;
  parameters with;
  char input[4096], text[256];
  int32_t status = read_parameters(job->spec, &with, error);
  if (status != INTRAY_OK) return status;
  if (!make_path(input, job->input_dir, with.input, error)) return INTRAY_FAILED;
  struct stat file;
  if (stat(input, &file) != 0) return fail_errno(error, "open", input);
  const double bytes_per_second = 200e6;
  /* Each copy is written to work_dir, and all of them once more to output_dir. */
  double seconds = (double)with.repeat * ((double)with.delay_ms / 1000 + 2 * (double)file.st_size / bytes_per_second);
  /* The numbers are whole, so that no locale can write them in its own way. */
  snprintf(text, sizeof text, "{\"memory_bytes\": %d, \"seconds\": %lld, \"steps\": %ld}\n", 32 << 20,
           (long long)seconds + 1, with.repeat);
  return publish(job->output_dir, "plan.json", text, error);
}

/* -------------------------------------------------------------------------------------------- entry point */

static const intray_plugin plugin = {
    .size = sizeof(intray_plugin),
    .abi_major = INTRAY_PLUGIN_ABI_MAJOR,
    .abi_minor = INTRAY_PLUGIN_ABI_MINOR,
    .describe = describe,
    .run = run,
    .plan = plan,
};

INTRAY_EXPORT const intray_plugin *intray_plugin_entry(void) {
  return &plugin;
}
