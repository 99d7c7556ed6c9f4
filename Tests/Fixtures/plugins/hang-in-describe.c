#include "plugin.h"
static const char *describe(void) {
  for (;;) pause();
}
PLUGIN(describe, good_run)
