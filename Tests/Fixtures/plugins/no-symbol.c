#include "plugin.h"
INTRAY_EXPORT const intray_plugin *intray_plugin_enter(void) { return NULL; }
