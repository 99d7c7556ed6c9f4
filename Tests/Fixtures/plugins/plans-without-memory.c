#include "plugin.h"
PLAN {
  FILE *file = open_plan(job);
  fputs("{\"seconds\": 1}", file);
  return fclose(file);
}
PLANNER(plan)
