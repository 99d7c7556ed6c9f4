#include "plugin.h"
PLAN {
  strcpy(error->code, "bug");
  strcpy(error->message, "the parameter x is in no learning-rate group");
  strcpy(error->hint, "put it into one");
  return INTRAY_FAILED;
}
PLANNER(plan)
