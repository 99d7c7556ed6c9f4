/// The activations and their slopes, without branches.
#pragma once
#include "vector.h"

INLINE float gelu(float x) { return 0.5f * x * (1.0f + erf_of(x * 0.70710678f)); }

/// The slope; *y gets the value.
INLINE float gelu_slope(float x, float *y) {
  const float normal = 0.5f * (1.0f + erf_of(x * 0.70710678f));
  *y = x * normal;
  return normal + x * 0.39894228f * exp_of(-0.5f * x * x);
}

INLINE float gelu_tanh(float x) { return 0.5f * x * (1.0f + tanh_of(0.79788456f * (x + 0.044715f * x * x * x))); }

INLINE float gelu_tanh_slope(float x, float *y) {
  const float t = tanh_of(0.79788456f * (x + 0.044715f * x * x * x));
  *y = 0.5f * x * (1.0f + t);
  return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * 0.79788456f * (1.0f + 3.0f * 0.044715f * x * x);
}

INLINE float activated(float x, enum activation f) {
  return f == activation_gelu ? gelu(x) : f == activation_gelu_tanh ? gelu_tanh(x) : x > 0 ? x : 0;
}

INLINE float activation_slope(float x, enum activation f, float *y) {
  if (f == activation_gelu) return gelu_slope(x, y);
  if (f == activation_gelu_tanh) return gelu_tanh_slope(x, y);
  *y = x > 0 ? x : 0;
  return x > 0 ? 1 : 0;
}
