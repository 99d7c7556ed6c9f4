#include "plugin.h"
RUN {
  for (;;) pause();
}
PLUGIN(good_describe, run)
