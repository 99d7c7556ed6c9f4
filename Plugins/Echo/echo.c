#include "intray_plugin.h"
