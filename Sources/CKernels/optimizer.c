#include "vector.h"

#include <math.h>

// Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), in torch.optim.AdamW's order of operations.
KERNEL void adamw_step(float *restrict value, float *restrict first, float *restrict second,
                       const float *restrict gradient, const struct adamw *step, long count) {
  const struct adamw s = *step;
  const float kept = 1.0f - s.learning_rate * s.weight_decay;
  const float rate = s.learning_rate / s.correction1;
  const float root = 1.0f / s.root_correction2;
  for (long i = 0; i < count; i++) {
    const float g = gradient[i] * s.gradient_scale;
    const float m = first[i] + (g - first[i]) * (1.0f - s.beta1);
    const float v = second[i] * s.beta2 + (1.0f - s.beta2) * g * g;
    first[i] = m;
    second[i] = v;
    value[i] = value[i] * kept - rate * m / (sqrtf(v) * root + s.epsilon);
  }
}

KERNEL void adamw_decay(float *value, const struct adamw *step, long count) {
  const float kept = 1.0f - step->learning_rate * step->weight_decay;
  if (kept == 1.0f) return;
  for (long i = 0; i < count; i++) value[i] *= kept;
}

KERNEL double squared_norm(const float *x, long count) {
#pragma clang fp reassociate(on)
  double sum = 0;
  for (long i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
  return sum;
}
