// Ba, Kiros and Hinton, "Layer normalization" (2016). The variance is the biased one, as in torch.nn.LayerNorm.
#include "vector.h"

#include <math.h>

// Sums over a row may be taken in any order.
#pragma clang fp reassociate(on)

INLINE void normalise(void *y, void *normal, float *rstd, enum element element, const float *x, const float *weight,
                      const float *bias, float epsilon, long H) {
  float sum = 0;
  for (long h = 0; h < H; h++) sum += x[h];
  const float m = sum / (float)H;
  float squares = 0;
  for (long h = 0; h < H; h++) squares += (x[h] - m) * (x[h] - m);
  const float r = 1.0f / sqrtf(squares / (float)H + epsilon);
  if (normal) {
    *rstd = r;
    IN_PLACE
    for (long h = 0; h < H; h++) {
      const float n = (x[h] - m) * r;
      store(normal, element, h, n);
      store(y, element, h, n * weight[h] + bias[h]);
    }
  } else {
    IN_PLACE
    for (long h = 0; h < H; h++) store(y, element, h, (x[h] - m) * r * weight[h] + bias[h]);
  }
}

INLINE void normalise_backward(float *dx, float *dweight, float *dbias, enum element element, const float *dy,
                               const void *normal, float rstd, const float *weight, long H) {
  float sum = 0, product = 0;
  for (long h = 0; h < H; h++) {
    const float scaled = dy[h] * weight[h];
    sum += scaled;
    product += scaled * load(normal, element, h);
  }
  const float m = sum / (float)H;
  const float p = product / (float)H;
  IN_PLACE
  for (long h = 0; h < H; h++) {
    const float n = load(normal, element, h);
    const float g = dy[h];
    dweight[h] += g * n;
    dbias[h] += g;
    dx[h] = rstd * (g * weight[h] - m - n * p);
  }
}

INLINE void residual_forward(void *y, void *normal, float *rstd, enum element element, float *x,
                             const float *dense_bias, const void *residual, const float *weight, const float *bias,
                             float epsilon, const struct dropout *dropout, long first_row, long rows, long H) {
  const uint32_t counters = dropout_counters(H);
  float mask[draw_block];
  for (long r = 0; r < rows; r++) {
    float *xr = x + r * H;
    const void *rest = row_of(residual, element, r, H);
    if (dropout->threshold == 0) {
      IN_PLACE
      for (long h = 0; h < H; h++) xr[h] = xr[h] + dense_bias[h] + load(rest, element, h);
    } else {
      for (long h = 0; h < H; h += draw_block) {
        dropout_block(mask, dropout, (uint32_t)(first_row + r) * counters + (uint32_t)(h / draw_block * draw_counters));
        const long width = H - h < draw_block ? H - h : draw_block;
        IN_PLACE
        for (long e = 0; e < width; e++) xr[h + e] = (xr[h + e] + dense_bias[h + e]) * mask[e] + load(rest, element, h + e);
      }
    }
    normalise(row_in(y, element, r, H), normal ? row_in(normal, element, r, H) : NULL, rstd + r, element, xr, weight, bias,
              epsilon, H);
  }
}

INLINE void residual_backward(float *gradient, void *ddense, float *dweight, float *dbias, enum element element,
                              const void *normal, const float *rstd, const float *weight,
                              const struct dropout *dropout, long first_row, long rows, long H) {
  const uint32_t counters = dropout_counters(H);
  float mask[draw_block];
  for (long r = 0; r < rows; r++) {
    float *g = gradient + r * H;
    void *dd = row_in(ddense, element, r, H);
    normalise_backward(g, dweight, dbias, element, g, row_of(normal, element, r, H), rstd[r], weight, H);
    if (dropout->threshold == 0) {
      IN_PLACE
      for (long h = 0; h < H; h++) store(dd, element, h, g[h]);
      continue;
    }
    for (long h = 0; h < H; h += draw_block) {
      dropout_block(mask, dropout, (uint32_t)(first_row + r) * counters + (uint32_t)(h / draw_block * draw_counters));
      const long width = H - h < draw_block ? H - h : draw_block;
      IN_PLACE
      for (long e = 0; e < width; e++) store(dd, element, h + e, g[h + e] * mask[e]);
    }
  }
}

KERNEL void layernorm_forward(void *y, void *normal, float *rstd, enum element element, const float *x,
                              const float *weight, const float *bias, float epsilon, long rows, long H) {
#define FORWARD(e)                                                                                                    \
  for (long r = 0; r < rows; r++)                                                                                     \
    normalise(row_in(y, e, r, H), normal ? row_in(normal, e, r, H) : NULL, rstd + r, e, x + r * H, weight, bias, epsilon, H)
  FOR_ELEMENT(element, FORWARD);
}

KERNEL void layernorm_backward(float *dx, float *dweight, float *dbias, enum element element, const float *dy,
                               const void *normal, const float *rstd, const float *weight, long rows, long H) {
#define BACKWARD(e)                                                                                                   \
  for (long r = 0; r < rows; r++)                                                                                     \
    normalise_backward(dx + r * H, dweight, dbias, e, dy + r * H, row_of(normal, e, r, H), rstd[r], weight, H)
  FOR_ELEMENT(element, BACKWARD);
}

KERNEL void residual_layernorm_forward(void *y, void *normal, float *rstd, enum element element, float *x,
                                       const float *dense_bias, const void *residual, const float *weight,
                                       const float *bias, float epsilon, const struct dropout *dropout, long first_row,
                                       long rows, long H) {
#define RESIDUAL_FORWARD(e)                                                                                           \
  residual_forward(y, normal, rstd, e, x, dense_bias, residual, weight, bias, epsilon, dropout, first_row, rows, H)
  FOR_ELEMENT(element, RESIDUAL_FORWARD);
}

KERNEL void residual_layernorm_backward(float *gradient, void *ddense, float *dweight, float *dbias,
                                        enum element element, const void *normal, const float *rstd,
                                        const float *weight, const struct dropout *dropout, long first_row, long rows,
                                        long H) {
#define RESIDUAL_BACKWARD(e)                                                                                          \
  residual_backward(gradient, ddense, dweight, dbias, e, normal, rstd, weight, dropout, first_row, rows, H)
  FOR_ELEMENT(element, RESIDUAL_BACKWARD);
}
