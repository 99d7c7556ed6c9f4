#include "plugin.h"
RUN {
  memset(error->code, 'c', sizeof error->code);
  memset(error->message, 'm', sizeof error->message);
  memset(error->hint, 'h', sizeof error->hint);
  return INTRAY_FAILED;
}
PLUGIN(good_describe, run)
