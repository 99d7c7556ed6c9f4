// Vaswani et al., "Attention is all you need" (2017). Backward needs no stored probabilities: they come again from the
// scores and one number per query, as in Dao et al., "FlashAttention" (2022).
#include "vector.h"

#include <math.h>

// Sums over the keys may be taken in any order.
#pragma clang fp reassociate(on)

enum { lanes = 16 };

/// The largest element; lanes by hand, as a maximum is no sum to the vectoriser.
INLINE float largest(const float *x, long n) {
  float m[lanes];
  for (int j = 0; j < lanes; j++) m[j] = x[0];
  long i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int j = 0; j < lanes; j++) m[j] = x[i + j] > m[j] ? x[i + j] : m[j];
  float all = m[0];
  for (int j = 1; j < lanes; j++) all = m[j] > all ? m[j] : all;
  for (; i < n; i++) all = x[i] > all ? x[i] : all;
  return all;
}

KERNEL void attention_softmax_forward(float *scores, float *logsum, const struct attention_rows *shape,
                                      const struct dropout *dropout) {
  float mask[draw_block];
  const long keys = shape->keys;
  for (long r = 0; r < shape->rows; r++) {
    float *s = scores + r * keys;
    const float m = largest(s, keys);
    float sum = 0;
    for (long k = 0; k < keys; k++) {
      const float e = exp_of(s[k] - m);
      s[k] = e;
      sum += e;
    }
    logsum[r * shape->logsum_stride] = m + logf(sum);
    const float share = 1.0f / sum;
    if (dropout->threshold == 0) {
      for (long k = 0; k < keys; k++) s[k] *= share;
      continue;
    }
    uint32_t position = shape->position + (uint32_t)r * shape->position_stride;
    for (long k = 0; k < keys; k += draw_block, position += draw_counters) {
      dropout_block(mask, dropout, position);
      const long width = keys - k < draw_block ? keys - k : draw_block;
      for (long e = 0; e < width; e++) s[k + e] *= share * mask[e];
    }
  }
}

KERNEL void attention_softmax_backward(float *scores, float *dscores, const float *logsum, const float *out,
                                       const float *dout, long D, long stride, float scale,
                                       const struct attention_rows *shape, const struct dropout *dropout) {
  float mask[draw_block];
  const long keys = shape->keys;
  for (long r = 0; r < shape->rows; r++) {
    float *s = scores + r * keys;
    float *ds = dscores + r * keys;
    // The sum over the keys of probability times gradient equals out . dout, dropout included.
    float mean = 0;
    for (long d = 0; d < D; d++) mean += out[r * stride + d] * dout[r * stride + d];
    const float log = logsum[r * shape->logsum_stride];
    if (dropout->threshold == 0) {
      for (long k = 0; k < keys; k++) {
        const float p = exp_of(s[k] - log);
        s[k] = p;
        ds[k] = p * (ds[k] - mean) * scale;
      }
      continue;
    }
    uint32_t position = shape->position + (uint32_t)r * shape->position_stride;
    for (long k = 0; k < keys; k += draw_block, position += draw_counters) {
      dropout_block(mask, dropout, position);
      const long width = keys - k < draw_block ? keys - k : draw_block;
      for (long e = 0; e < width; e++) {
        const float p = exp_of(s[k + e] - log);
        s[k + e] = p * mask[e];
        ds[k + e] = p * (mask[e] * ds[k + e] - mean) * scale;
      }
    }
  }
}
