#include "plugin.h"
RUN {
  fprintf(stderr, "about to crash\n");
  raise(SIGSEGV);
  return INTRAY_OK;
}
PLUGIN(good_describe, run)
