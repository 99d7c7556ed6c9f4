#include "plugin.h"
RUN { abort(); }
PLUGIN(good_describe, run)
