#include "plugin.h"
PLUGIN(NULL, good_run)
