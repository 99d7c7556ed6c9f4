#include "plugin.h"
RUN { exit(0); }
PLUGIN(good_describe, run)
