#include "plugin.h"
RUN {
  if (write(3, "this is not a frame", 19) != 19) return INTRAY_FAILED;
  for (;;) pause();
}
PLUGIN(good_describe, run)
