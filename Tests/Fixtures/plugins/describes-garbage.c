#include "plugin.h"
static const char *describe(void) { return "{\"name\": \xff"; }
PLUGIN(describe, good_run)
