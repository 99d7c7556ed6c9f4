#include "plugin.h"
RUN { return 42; }
PLUGIN(good_describe, run)
