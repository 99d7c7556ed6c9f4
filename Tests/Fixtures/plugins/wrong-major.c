#include "plugin.h"
ENTRY(.size = sizeof(intray_plugin), .abi_major = INTRAY_PLUGIN_ABI_MAJOR + 1, .describe = good_describe, .run = good_run)
