#include "vector.h"

#include <math.h>

KERNEL void bias_forward(float *y, const float *bias, long rows, long C) {
  for (long r = 0; r < rows; r++)
    for (long c = 0; c < C; c++) y[r * C + c] += bias[c];
}

void tanh_forward(float *y, const float *x, long count) {
  for (long i = 0; i < count; i++) y[i] = tanhf(x[i]);
}

void tanh_backward(float *dx, const float *dy, const float *y, long count) {
  IN_PLACE
  for (long i = 0; i < count; i++) dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}
