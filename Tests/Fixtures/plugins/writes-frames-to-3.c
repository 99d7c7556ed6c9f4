#include "plugin.h"
/* Good frames without end, past the host's callbacks and their limits. */
RUN {
  static const char body[] = "{\"checkpointSaved\":{}}";
  char frame[4 + sizeof body - 1] = {sizeof body - 1};
  memcpy(frame + 4, body, sizeof body - 1);
  for (;;)
    if (write(3, frame, sizeof frame) < 0) return INTRAY_FAILED;
}
PLUGIN(good_describe, run)
