#include "plugin.h"
static const char *describe(void) {
  return "{\"name\": \"" NAME "\", \"version\": \"1\", \"summary\": \"\", \"data\": {}, \"parameters\": {\"type\": \"string\"}}";
}
PLUGIN(describe, good_run)
