#include "plugin.h"
__attribute__((destructor)) static void crash(void) { abort(); }
PLUGIN(good_describe, good_run)
