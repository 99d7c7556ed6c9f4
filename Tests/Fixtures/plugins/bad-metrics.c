#include "plugin.h"
#include <math.h>
RUN {
  static char huge[3 << 20];
  memset(huge, ' ', sizeof huge - 1);
  host->progress(host->context, 1, 9, huge);
  host->progress(host->context, 2, 9, "[1, 2]");
  host->progress(host->context, 3, 9, "{\"loss\": nan}");
  host->progress(host->context, NAN, 9, "{}");
  host->progress(host->context, 4, INFINITY, NULL);
  for (int i = 0; i < 5; i++) host->progress(host->context, 5, 9, "not JSON");
  usleep(150000); /* beyond the interval of reports */
  host->progress(host->context, 9, 9, "{\"loss\": 0.5, \"step\": 3, \"phase\": \"end\"}");
  return INTRAY_OK;
}
PLUGIN(good_describe, run)
