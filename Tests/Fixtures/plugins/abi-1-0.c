#include "plugin.h"
/* A plugin that was built with the header of ABI 1.0: its table ends with `run`, and what lies behind is not its own. */
static const struct {
  size_t size;
  uint32_t abi_major, abi_minor;
  const char *(*describe)(void);
  int32_t (*run)(const intray_host *host, const intray_job *job, intray_error *error);
  void (*behind)(void);
} table = {.size = 32, .abi_major = 1, .abi_minor = 0, .describe = good_describe, .run = good_run, .behind = abort};
INTRAY_EXPORT const intray_plugin *intray_plugin_entry(void) { return (const intray_plugin *)&table; }
