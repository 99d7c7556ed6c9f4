/// OpenBLAS, loaded at run time so that its kernels can be chosen first.
///
/// (1) OPENBLAS_CORETYPE is set before the library is loaded, and a value that the user has set stays.
/// (2) The library never starts a thread: the engine's pool calls it from its own.
///
/// Why: OpenBLAS 0.3.21 does not know newer AMD CPUs and takes its Haswell kernels there, a quarter of the speed
/// (driver/others/dynamic.c of OpenBLAS; the variable is documented in its README).
#pragma once
#include <stdbool.h>

/// Loads the library once for the process. Any thread may call it, any number of times.
/// Returns NULL, or what the system's loader said; the text lives as long as the process.
const char *openblas_load(void);

/// The kernels that the library chose, such as "SkylakeX"; NULL before it is loaded.
const char *openblas_core(void);

/// The kernels that fit this CPU, in OpenBLAS's own words; NULL where its own choice is as good.
const char *openblas_fitting_core(void);

/// c[m,n] = alpha * op(a)[m,k] op(b)[k,n] + beta * c, row-major; lda, ldb and ldc are the lengths of the stored rows.
/// Only after openblas_load() has returned NULL.
void openblas_sgemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                    const float *b, int ldb, float beta, float *c, int ldc);
