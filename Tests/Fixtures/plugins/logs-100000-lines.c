#include "plugin.h"
RUN {
  for (int i = 1; i <= 100000; i++) {
    host->log(host->context, INTRAY_INFO, "line", NULL, 0);
    host->progress(host->context, i, 100000, NULL);
  }
  return INTRAY_OK;
}
PLUGIN(good_describe, run)
