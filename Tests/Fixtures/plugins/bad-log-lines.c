#include "plugin.h"
RUN {
  intray_field many[1000];
  for (int i = 0; i < 1000; i++) many[i] = (intray_field){"SAME", "value"};
  intray_field odd[] = {{NULL, "no key"}, {"", "empty key"}, {"NO_VALUE", NULL}, {"GOOD", "v\xff"}};
  static char lengthy[1 << 20];
  memset(lengthy, 'x', sizeof lengthy - 1);
  host->log(host->context, -100, NULL, NULL, 7);
  host->log(host->context, 100, "caf\xc3\xa9 \xff", odd, 4);
  host->log(host->context, INTRAY_INFO, "many", many, 1000);
  host->log(host->context, INTRAY_INFO, lengthy, NULL, 0);
  return INTRAY_OK;
}
PLUGIN(good_describe, run)
