#include "vector.h"

KERNEL void embedding_forward(float *out, const int32_t *ids, const int32_t *segments, const int32_t *positions,
                              const float *word, const float *type, const float *position, long N, long H) {
  for (long n = 0; n < N; n++) {
    const float *w = word + ids[n] * H;
    const float *t = type + segments[n] * H;
    const float *p = position + positions[n] * H;
    for (long h = 0; h < H; h++) out[n * H + h] = w[h] + t[h] + p[h];
  }
}

KERNEL void embedding_backward(float *dtable, const int32_t *indices, const float *dout, long N, long H, long from,
                               long to) {
  for (long n = 0; n < N; n++) {
    float *row = dtable + indices[n] * H;
    for (long h = from; h < to; h++) row[h] += dout[n * H + h];
  }
}

INLINE void mean(float *out, const void *x, enum element element, long N, long H) {
  for (long h = 0; h < H; h++) out[h] = 0;
  for (long n = 0; n < N; n++) {
    const void *row = row_of(x, element, n, H);
    for (long h = 0; h < H; h++) out[h] += load(row, element, h);
  }
  const float share = 1.0f / (float)N;
  for (long h = 0; h < H; h++) out[h] *= share;
}

KERNEL void mean_forward(float *out, const void *x, enum element element, long N, long H) {
#define MEAN(e) mean(out, x, e, N, H)
  FOR_ELEMENT(element, MEAN);
}

KERNEL void mean_backward(float *dx, const float *dout, long N, long H) {
  const float share = 1.0f / (float)N;
  for (long n = 0; n < N; n++)
    for (long h = 0; h < H; h++) dx[n * H + h] = dout[h] * share;
}
