#include "plugin.h"
__attribute__((visibility("hidden"))) const intray_plugin *intray_plugin_entry(void) { return NULL; }
