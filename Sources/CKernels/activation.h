/// The activations and their slopes, sixteen at a time. `out` is the type that the result is stored in: less is computed for
/// bfloat16.
#pragma once
#include "vector.h"

/// The standard normal distribution less a half, and gelu's slope less a half, within 2e-5 and 2e-4: odd polynomials fitted
/// on [-4.5, 4.5] for the least largest error; beyond, both stay as they are at the ends.
INLINE floats normal_near(floats x) {
  const floats t = x * x;
  floats p = all(-1.72644874e-12f);
  p = p * t + 2.02252715e-10f;
  p = p * t + -1.05673363e-8f;
  p = p * t + 3.27894753e-7f;
  p = p * t + -6.81372285e-6f;
  p = p * t + 1.01733720e-4f;
  p = p * t + -1.14271196e-3f;
  p = p * t + 9.89176147e-3f;
  p = p * t + -6.64206594e-2f;
  p = p * t + 3.98924649e-1f;
  return p * x;
}

INLINE floats gelu_slope_near(floats x) {
  const floats t = x * x;
  floats p = all(-2.21096509e-11f);
  p = p * t + 2.52143351e-9f;
  p = p * t + -1.26808260e-7f;
  p = p * t + 3.72195836e-6f;
  p = p * t + -7.12217007e-5f;
  p = p * t + 9.40534985e-4f;
  p = p * t + -8.81580170e-3f;
  p = p * t + 5.86090907e-2f;
  p = p * t + -2.64925331e-1f;
  p = p * t + 7.97625959e-1f;
  return p * x;
}

INLINE floats within_near(floats x) {
  return smaller(larger(x, all(-4.5f)), all(4.5f));
}

INLINE floats normal_exact(floats x) { return 0.5f + 0.5f * erf_of(x * 0.70710678f); }

INLINE floats tanh_in_gelu(floats x) { return tanh_of(0.79788456f * (x + 0.044715f * x * x * x)); }

INLINE floats activated(floats x, enum activation f, enum element out) {
  if (f == activation_gelu && out == element_bf16) return x * (normal_near(within_near(x)) + 0.5f);
  if (f == activation_gelu) return x * normal_exact(x);
  if (f == activation_gelu_tanh) return 0.5f * x * (1.0f + tanh_in_gelu(x));
  return larger(x, all(0));
}

/// f'(x); *y gets f(x).
INLINE floats activation_slope(floats x, enum activation f, enum element out, floats *y) {
  if (f == activation_gelu && out == element_bf16) {
    const floats near = within_near(x);
    *y = x * (normal_near(near) + 0.5f);
    return gelu_slope_near(near) + 0.5f;
  }
  if (f == activation_gelu) {
    const floats normal = normal_exact(x);
    *y = x * normal;
    return normal + x * 0.39894228f * exp_of(-0.5f * x * x);
  }
  if (f == activation_gelu_tanh) {
    const floats t = tanh_in_gelu(x);
    *y = 0.5f * x * (1.0f + t);
    return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * 0.79788456f * (1.0f + 3.0f * 0.044715f * x * x);
  }
  *y = larger(x, all(0));
  return chosen((ints)(x > 0.0f), all(1), all(0));
}
