#include "vector.h"

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = (uint64_t)c0 * 0xD2511F53u;
    const uint64_t p1 = (uint64_t)c2 * 0xCD9E8D57u;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

uint32_t dropout_counters(long length) { return (uint32_t)((length + draw_block - 1) / draw_block * draw_counters); }

INLINE void drop(void *x, enum element element, const struct dropout *dropout, long first_row, long rows, long H) {
  const uint32_t counters = dropout_counters(H);
  float mask[draw_block];
  for (long r = 0; r < rows; r++) {
    void *row = row_in(x, element, r, H);
    for (long h = 0; h < H; h += draw_block) {
      dropout_block(mask, dropout, (uint32_t)(first_row + r) * counters + (uint32_t)(h / draw_block * draw_counters));
      const long width = H - h < draw_block ? H - h : draw_block;
      IN_PLACE
      for (long e = 0; e < width; e++) store(row, element, h + e, load(row, element, h + e) * mask[e]);
    }
  }
}

KERNEL void dropout_forward(void *x, enum element element, const struct dropout *dropout, long first_row, long rows,
                            long H) {
  if (dropout->threshold == 0) return;
#define DROP(e) drop(x, e, dropout, first_row, rows, H)
  FOR_ELEMENT(element, DROP);
}

void dropout_backward(float *dx, const struct dropout *dropout, long first_row, long rows, long H) {
  dropout_forward(dx, element_fp32, dropout, first_row, rows, H);
}
