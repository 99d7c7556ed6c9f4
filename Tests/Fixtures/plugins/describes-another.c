#include "plugin.h"
static const char *describe(void) {
  return "{\"name\": \"another\", \"version\": \"1\", \"summary\": \"\", \"data\": {}, \"parameters\": {\"type\": \"object\"}}";
}
PLUGIN(describe, good_run)
