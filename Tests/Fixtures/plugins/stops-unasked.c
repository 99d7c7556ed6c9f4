#include "plugin.h"
RUN { return INTRAY_STOPPED; }
PLUGIN(good_describe, run)
