/* A runner that takes memory until somebody stops it. */
#include "plugin.h"

enum { CHUNK = 8 << 20, MOST = 1 << 30 };

RUN {
  for (long taken = 0; taken < MOST; taken += CHUNK) {
    char *chunk = malloc(CHUNK);
    if (chunk) memset(chunk, 1, CHUNK);
  }
  snprintf(error->code, sizeof error->code, "bug");
  snprintf(error->message, sizeof error->message, "nobody minds 1 GiB");
  return INTRAY_FAILED;
}
PLUGIN(good_describe, run)
