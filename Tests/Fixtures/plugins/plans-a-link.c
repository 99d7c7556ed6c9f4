#include "plugin.h"
/* The host must not follow it. */
PLAN {
  char path[4096];
  snprintf(path, sizeof path, "%s/plan.json", job->output_dir);
  return symlink("/etc/passwd", path);
}
PLANNER(plan)
