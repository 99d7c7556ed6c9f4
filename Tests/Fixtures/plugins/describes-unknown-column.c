#include "plugin.h"
static const char *describe(void) {
  return "{\"name\": \"" NAME "\", \"version\": \"1\", \"summary\": \"\", \"parameters\": {\"type\": \"object\"},"
         " \"data\": {\"train\": {\"required\": true, \"columns\": [\"labels\"], \"description\": \"\"}}}";
}
PLUGIN(describe, good_run)
