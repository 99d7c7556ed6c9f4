#include "plugin.h"
/* A plugin of a later minor version that says it can do with this one: good. */
static const struct {
  intray_plugin known;
  void (*later)(void);
} table = {{.size = sizeof table, .abi_major = INTRAY_PLUGIN_ABI_MAJOR, .describe = good_describe, .run = good_run}, abort};
INTRAY_EXPORT const intray_plugin *intray_plugin_entry(void) { return &table.known; }
