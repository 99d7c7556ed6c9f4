#include "plugin.h"
__attribute__((constructor)) static void leave(void) { exit(0); }
PLUGIN(good_describe, good_run)
