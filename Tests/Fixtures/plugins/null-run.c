#include "plugin.h"
PLUGIN(good_describe, NULL)
