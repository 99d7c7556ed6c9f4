#include "plugin.h"
/* It undoes the worker's signal handler, so a stop kills it. */
RUN {
  signal(SIGTERM, SIG_DFL);
  host->log(host->context, INTRAY_INFO, "ready", NULL, 0);
  for (;;) pause();
}
PLUGIN(good_describe, run)
