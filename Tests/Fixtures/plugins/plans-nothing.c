#include "plugin.h"
PLAN { return INTRAY_OK; }
PLANNER(plan)
