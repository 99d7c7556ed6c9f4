#include "plugin.h"
PLAN { return 42; }
PLANNER(plan)
