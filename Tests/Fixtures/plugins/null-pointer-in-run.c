#include "plugin.h"
static volatile int *volatile nowhere;
RUN { return *nowhere; }
PLUGIN(good_describe, run)
