#include "plugin.h"
static const char *describe(void) { return "{\"name\": \"" NAME "\", \"summary\": \"\", \"data\": {}, \"parameters\": {}}"; }
PLUGIN(describe, good_run)
