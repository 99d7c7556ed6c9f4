#include "plugin.h"
PLAN {
  FILE *file = open_plan(job);
  fputs("{\"seconds\": 1, \"memory_bytes\": 1}", file);
  for (int i = 0; i < 5 << 20; i++) putc(' ', file);
  return fclose(file);
}
PLANNER(plan)
