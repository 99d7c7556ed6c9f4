#include "plugin.h"
ENTRY(.abi_major = INTRAY_PLUGIN_ABI_MAJOR, .describe = good_describe, .run = good_run)
