#include "plugin.h"
PLAN {
  raise(SIGSEGV);
  return INTRAY_OK;
}
PLANNER(plan)
