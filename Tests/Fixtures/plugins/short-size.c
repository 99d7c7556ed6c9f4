#include "plugin.h"
ENTRY(.size = offsetof(intray_plugin, run), .abi_major = INTRAY_PLUGIN_ABI_MAJOR, .describe = good_describe)
