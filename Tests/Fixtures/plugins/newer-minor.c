#include "plugin.h"
ENTRY(.size = sizeof(intray_plugin), .abi_major = INTRAY_PLUGIN_ABI_MAJOR, .abi_minor = INTRAY_PLUGIN_ABI_MINOR + 3,
      .describe = good_describe, .run = good_run)
