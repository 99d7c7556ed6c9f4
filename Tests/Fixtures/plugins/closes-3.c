#include "plugin.h"
RUN {
  close(3);
  host->log(host->context, INTRAY_INFO, "into the void", NULL, 0);
  return INTRAY_OK;
}
PLUGIN(good_describe, run)
