/* What the bad plugins have in common: a good plugin around the one thing that is bad. */
#define _GNU_SOURCE
#include "intray_plugin.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESCRIPTION \
  "{\"name\": \"" NAME "\", \"version\": \"1.0.0\", \"summary\": \"bad\", \"data\": {}," \
  " \"parameters\": {\"type\": \"object\", \"properties\": {}, \"additionalProperties\": false}}"

#define UNUSED __attribute__((unused))

UNUSED static const char *good_describe(void) { return DESCRIPTION; }

UNUSED static int32_t good_run(const intray_host *host, const intray_job *job, intray_error *error) {
  (void)host, (void)job, (void)error;
  return INTRAY_OK;
}

#define ENTRY(...) \
  static const intray_plugin table = {__VA_ARGS__}; \
  INTRAY_EXPORT const intray_plugin *intray_plugin_entry(void) { return &table; }

#define PLUGIN(describe_function, run_function) \
  ENTRY(.size = sizeof(intray_plugin), .abi_major = INTRAY_PLUGIN_ABI_MAJOR, .abi_minor = INTRAY_PLUGIN_ABI_MINOR, \
        .describe = describe_function, .run = run_function)

#define PLANNER(plan_function) \
  ENTRY(.size = sizeof(intray_plugin), .abi_major = INTRAY_PLUGIN_ABI_MAJOR, .abi_minor = INTRAY_PLUGIN_ABI_MINOR, \
        .describe = good_describe, .run = good_run, .plan = plan_function)

#define PLAN \
  static int32_t plan(UNUSED const intray_host *host, UNUSED const intray_job *job, UNUSED intray_error *error)

UNUSED static FILE *open_plan(const intray_job *job) {
  char path[4096];
  snprintf(path, sizeof path, "%s/plan.json", job->output_dir);
  return fopen(path, "w");
}

#define RUN \
  static int32_t run(UNUSED const intray_host *host, UNUSED const intray_job *job, UNUSED intray_error *error)
