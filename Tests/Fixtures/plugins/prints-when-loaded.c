#include "plugin.h"
__attribute__((constructor)) static void print(void) {
  printf("hello from a constructor\n");
  fflush(stdout);
}
RUN {
  printf("hello from run\n");
  fflush(stdout);
  return INTRAY_OK;
}
PLUGIN(good_describe, run)
