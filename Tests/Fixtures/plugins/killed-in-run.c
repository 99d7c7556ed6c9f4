#include "plugin.h"
/* What the kernel does when memory runs out. */
RUN {
  kill(getpid(), SIGKILL);
  return INTRAY_OK;
}
PLUGIN(good_describe, run)
