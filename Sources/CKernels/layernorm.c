// Ba, Kiros and Hinton, "Layer normalization" (2016). The variance is the biased one, as in torch.nn.LayerNorm.
#include "vector.h"

#include <math.h>

// Sums over a row may be taken in any order.
#pragma clang fp reassociate(on)

INLINE void normalise(float *y, float *mean, float *rstd, const float *x, const float *weight, const float *bias,
                      float epsilon, long H) {
  float sum = 0;
  for (long h = 0; h < H; h++) sum += x[h];
  const float m = sum / (float)H;
  float squares = 0;
  for (long h = 0; h < H; h++) squares += (x[h] - m) * (x[h] - m);
  const float r = 1.0f / sqrtf(squares / (float)H + epsilon);
  for (long h = 0; h < H; h++) y[h] = (x[h] - m) * r * weight[h] + bias[h];
  *mean = m;
  *rstd = r;
}

INLINE void normalise_backward(float *dx, float *dweight, float *dbias, const float *dy, const float *x, float mean,
                               float rstd, const float *weight, long H) {
  float sum = 0, product = 0;
  for (long h = 0; h < H; h++) {
    const float scaled = dy[h] * weight[h];
    sum += scaled;
    product += scaled * (x[h] - mean);
  }
  const float m = sum / (float)H;
  const float p = product * rstd * rstd / (float)H;
  IN_PLACE
  for (long h = 0; h < H; h++) {
    const float centred = x[h] - mean;
    const float g = dy[h];
    dweight[h] += g * centred * rstd;
    dbias[h] += g;
    dx[h] = rstd * (g * weight[h] - m - centred * p);
  }
}

KERNEL void layernorm_forward(float *y, float *mean, float *rstd, const float *x, const float *weight,
                              const float *bias, float epsilon, long rows, long H) {
  for (long r = 0; r < rows; r++) normalise(y + r * H, mean + r, rstd + r, x + r * H, weight, bias, epsilon, H);
}

KERNEL void layernorm_backward(float *dx, float *dweight, float *dbias, const float *dy, const float *x,
                               const float *mean, const float *rstd, const float *weight, long rows, long H) {
  for (long r = 0; r < rows; r++)
    normalise_backward(dx + r * H, dweight, dbias, dy + r * H, x + r * H, mean[r], rstd[r], weight, H);
}

KERNEL void residual_layernorm_forward(float *y, float *mean, float *rstd, float *x, const float *dense_bias,
                                       const float *residual, const float *weight, const float *bias, float epsilon,
                                       const struct dropout *dropout, long first_row, long rows, long H) {
  const uint32_t counters = dropout_counters(H);
  float mask[draw_block];
  for (long r = 0; r < rows; r++) {
    float *xr = x + r * H;
    const float *rest = residual + r * H;
    if (dropout->threshold == 0) {
      for (long h = 0; h < H; h++) xr[h] = xr[h] + dense_bias[h] + rest[h];
    } else {
      for (long h = 0; h < H; h += draw_block) {
        dropout_block(mask, dropout, (uint32_t)(first_row + r) * counters + (uint32_t)(h / draw_block * draw_counters));
        const long width = H - h < draw_block ? H - h : draw_block;
        for (long e = 0; e < width; e++) xr[h + e] = (xr[h + e] + dense_bias[h + e]) * mask[e] + rest[h + e];
      }
    }
    normalise(y + r * H, mean + r, rstd + r, xr, weight, bias, epsilon, H);
  }
}

KERNEL void residual_layernorm_backward(float *dresidual, float *ddense, float *dweight, float *dbias, const float *dy,
                                        const float *x, const float *mean, const float *rstd, const float *weight,
                                        const struct dropout *dropout, long first_row, long rows, long H) {
  const uint32_t counters = dropout_counters(H);
  float mask[draw_block];
  for (long r = 0; r < rows; r++) {
    float *dr = dresidual + r * H;
    float *dd = ddense + r * H;
    normalise_backward(dr, dweight, dbias, dy + r * H, x + r * H, mean[r], rstd[r], weight, H);
    if (dropout->threshold == 0) {
      memcpy(dd, dr, (size_t)H * sizeof(float));
    } else {
      for (long h = 0; h < H; h += draw_block) {
        dropout_block(mask, dropout, (uint32_t)(first_row + r) * counters + (uint32_t)(h / draw_block * draw_counters));
        const long width = H - h < draw_block ? H - h : draw_block;
        for (long e = 0; e < width; e++) dd[h + e] = dr[h + e] * mask[e];
      }
    }
  }
}
