#include "vector.h"

#include <math.h>

KERNEL void bias_forward(float *y, const float *bias, long rows, long C) {
  for (long r = 0; r < rows; r++)
    for (long c = 0; c < C; c++) y[r * C + c] += bias[c];
}

KERNEL void bias_backward(float *dbias, const float *dy, long rows, long C, long from, long to) {
  for (long r = 0; r < rows; r++)
    for (long c = from; c < to; c++) dbias[c] += dy[r * C + c];
}

INLINE float gelu(float x) { return 0.5f * x * (1.0f + erf_of(x * 0.70710678f)); }

/// The slope; *y gets the value.
INLINE float gelu_slope(float x, float *y) {
  const float normal = 0.5f * (1.0f + erf_of(x * 0.70710678f));
  *y = x * normal;
  return normal + x * 0.39894228f * exp_of(-0.5f * x * x);
}

INLINE float gelu_tanh(float x) {
  return 0.5f * x * (1.0f + tanh_of(0.79788456f * (x + 0.044715f * x * x * x)));
}

INLINE float gelu_tanh_slope(float x, float *y) {
  const float t = tanh_of(0.79788456f * (x + 0.044715f * x * x * x));
  *y = 0.5f * x * (1.0f + t);
  return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * 0.79788456f * (1.0f + 3.0f * 0.044715f * x * x);
}

KERNEL void bias_activation_forward(float *y, float *x, const float *bias, enum activation f, long rows, long C) {
  for (long r = 0; r < rows; r++) {
    float *xr = x + r * C;
    float *yr = y + r * C;
    IN_PLACE
    for (long c = 0; c < C; c++) xr[c] += bias[c];
    switch (f) {
    case activation_gelu:
      IN_PLACE
      for (long c = 0; c < C; c++) yr[c] = gelu(xr[c]);
      break;
    case activation_gelu_tanh:
      IN_PLACE
      for (long c = 0; c < C; c++) yr[c] = gelu_tanh(xr[c]);
      break;
    case activation_relu:
      IN_PLACE
      for (long c = 0; c < C; c++) yr[c] = xr[c] > 0 ? xr[c] : 0;
      break;
    }
  }
}

KERNEL void bias_activation_backward(float *dx, float *y, const float *dy, const float *x, enum activation f,
                                     long count) {
  switch (f) {
  case activation_gelu:
    IN_PLACE
    for (long i = 0; i < count; i++) {
      float value;
      const float slope = gelu_slope(x[i], &value);
      dx[i] = dy[i] * slope;
      y[i] = value;
    }
    break;
  case activation_gelu_tanh:
    IN_PLACE
    for (long i = 0; i < count; i++) {
      float value;
      const float slope = gelu_tanh_slope(x[i], &value);
      dx[i] = dy[i] * slope;
      y[i] = value;
    }
    break;
  case activation_relu:
    IN_PLACE
    for (long i = 0; i < count; i++) {
      y[i] = x[i] > 0 ? x[i] : 0;
      dx[i] = x[i] > 0 ? dy[i] : 0;
    }
    break;
  }
}

void tanh_forward(float *y, const float *x, long count) {
  for (long i = 0; i < count; i++) y[i] = tanhf(x[i]);
}

void tanh_backward(float *dx, const float *dy, const float *y, long count) {
  IN_PLACE
  for (long i = 0; i < count; i++) dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}
