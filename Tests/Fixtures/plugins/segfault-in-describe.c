#include "plugin.h"
static const char *describe(void) {
  raise(SIGSEGV);
  return NULL;
}
PLUGIN(describe, good_run)
