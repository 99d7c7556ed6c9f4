#include "plugin.h"
extern int a_function_that_no_library_has(void);
RUN { return a_function_that_no_library_has(); }
PLUGIN(good_describe, run)
