#include "plugin.h"
RUN {
  for (int i = 0; i < 200000; i++) fprintf(stderr, "noise %d\n", i);
  abort();
}
PLUGIN(good_describe, run)
