#include "plugin.h"
RUN { return INTRAY_FAILED; }
PLUGIN(good_describe, run)
