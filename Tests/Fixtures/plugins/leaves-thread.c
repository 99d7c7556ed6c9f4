#include "plugin.h"
#include <pthread.h>
static const intray_host *kept;
static void *chatter(void *unused) {
  intray_host host = *kept;
  for (;;) host.log(host.context, INTRAY_INFO, "still here", NULL, 0);
  return unused;
}
RUN {
  static intray_host copy;
  copy = *host;
  kept = &copy;
  pthread_t thread;
  return pthread_create(&thread, NULL, chatter, NULL) == 0 ? INTRAY_OK : INTRAY_FAILED;
}
PLUGIN(good_describe, run)
