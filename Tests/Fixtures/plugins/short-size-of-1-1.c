#include "plugin.h"
ENTRY(.size = offsetof(intray_plugin, plan), .abi_major = 1, .abi_minor = 1, .describe = good_describe, .run = good_run)
