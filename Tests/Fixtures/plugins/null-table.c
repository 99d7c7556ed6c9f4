#include "plugin.h"
INTRAY_EXPORT const intray_plugin *intray_plugin_entry(void) { return NULL; }
