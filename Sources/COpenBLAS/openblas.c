#define _GNU_SOURCE
#include "COpenBLAS.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// The values of cblas.h, which need not be installed.
enum { row_major = 101, no_transpose = 111, transpose = 112 };

typedef void sgemm_function(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                            const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef char *core_function(void);
typedef void threads_function(int threads);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char error[512];
static sgemm_function *sgemm;
static core_function *core;

const char *openblas_fitting_core(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return __builtin_cpu_is("amd") ? "Zen" : "Haswell";
#endif
  return NULL;
}

static void fail(const char *reason) {
  strncpy(error, reason ? reason : "unknown error", sizeof error - 1);
  sgemm = NULL;
}

static void load(void) {
  const char *fitting = openblas_fitting_core();
  if (fitting) setenv("OPENBLAS_CORETYPE", fitting, 0);
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    fail(dlerror());
    return;
  }
  sgemm = (sgemm_function *)dlsym(library, "cblas_sgemm");
  core = (core_function *)dlsym(library, "openblas_get_corename");
  threads_function *set_threads = (threads_function *)dlsym(library, "openblas_set_num_threads");
  if (!sgemm || !core || !set_threads) {
    fail(dlerror());
    return;
  }
  set_threads(1);
}

const char *openblas_load(void) {
  pthread_once(&once, load);
  return error[0] ? error : NULL;
}

const char *openblas_core(void) { return core ? core() : NULL; }

void openblas_sgemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                    const float *b, int ldb, float beta, float *c, int ldc) {
  sgemm(row_major, transpose_a ? transpose : no_transpose, transpose_b ? transpose : no_transpose, m, n, k, alpha, a,
        lda, b, ldb, beta, c, ldc);
}
