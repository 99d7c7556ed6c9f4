#include "plugin.h"
RUN {
  error->transient = -7;
  strcpy(error->code, "data.row");
  strcpy(error->message, "row \xff\xc3 is bad");
  return INTRAY_FAILED;
}
PLUGIN(good_describe, run)
