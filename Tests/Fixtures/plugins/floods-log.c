#include "plugin.h"
/* Without end, whatever the host says. */
RUN {
  static char text[20000];
  memset(text, 'x', sizeof text - 1);
  for (;;) {
    host->log(host->context, INTRAY_DEBUG, text, NULL, 0);
    host->progress(host->context, 1, 2, NULL);
    host->checkpoint_saved(host->context);
  }
}
PLUGIN(good_describe, run)
