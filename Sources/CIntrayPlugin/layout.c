#include "intray_plugin.h"

// The layout is the contract: these fail the build before they fail somebody's plugin.
_Static_assert(offsetof(intray_host, context) == 8, "intray_host.context");
_Static_assert(sizeof(intray_host) == 48, "intray_host");
_Static_assert(offsetof(intray_job, spec) == 8, "intray_job.spec");
_Static_assert(sizeof(intray_job) == 56, "intray_job");
_Static_assert(offsetof(intray_error, message) == 44, "intray_error.message");
_Static_assert(sizeof(intray_error) == 1584, "intray_error");
_Static_assert(offsetof(intray_plugin, describe) == 16, "intray_plugin.describe");
// The end of ABI 1.0.
_Static_assert(offsetof(intray_plugin, plan) == 32, "intray_plugin.plan");
_Static_assert(sizeof(intray_plugin) == 40, "intray_plugin");
