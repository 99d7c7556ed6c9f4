/// What the kernels share: the CPU variants, and elementary functions without branches, so that loops over them become
/// vector code.
#pragma once
#include "CKernels.h"

#include <string.h>

#if defined(__x86_64__)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif
/// Before a loop that may work in place: element i is read before it is written, and no other element is touched.
#define IN_PLACE _Pragma("clang loop vectorize(assume_safety)")
#define INLINE static inline __attribute__((always_inline))

INLINE float float_from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

INLINE uint32_t bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/// e^x within 2 ulp on [-87.3, 88]; outside, the value at the border. Cephes' expf; the rounding by adding 1.5 * 2^23
/// leaves the exponent in the low bits.
INLINE float exp_of(float x) {
#pragma clang fp reassociate(off) contract(on)
  x = x < -87.3f ? -87.3f : x;
  x = x > 88.0f ? 88.0f : x;
  const float shifted = x * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  return p * float_from_bits((bits_of_float(shifted) + 127u) << 23);
}

/// tanh x within 3e-7
INLINE float tanh_of(float x) {
#pragma clang fp reassociate(off) contract(on)
  return 1.0f - 2.0f / (exp_of(2.0f * x) + 1.0f);
}

/// erf x within 1e-7: two minimax polynomials (N. Juffa), both computed, one taken.
INLINE float erf_of(float x) {
#pragma clang fp reassociate(off) contract(on)
  const float t = float_from_bits(bits_of_float(x) & 0x7fffffffu);
  const float s = x * x;
  float far = -1.72853470e-5f * t + 3.83197126e-4f;
  const float u = -3.88396438e-3f * t + 2.42546219e-2f;
  far = far * s + u;
  far = far * t + -1.06777877e-1f;
  far = far * t + -6.34846687e-1f;
  far = far * t + -1.28717512e-1f;
  far = far * t - t;
  far = 1.0f - exp_of(far);
  far = float_from_bits(bits_of_float(far) | (bits_of_float(x) & 0x80000000u));
  float near = -5.96761703e-4f;
  near = near * s + 4.99119423e-3f;
  near = near * s + -2.67681349e-2f;
  near = near * s + 1.12819925e-1f;
  near = near * s + -3.76125336e-1f;
  near = near * s + 1.28379166e-1f;
  near = near * x + x;
  return t > 0.927734375f ? far : near;
}

/// The bfloat16 nearest to a float, halves to even; what is not a number stays so.
INLINE uint16_t bf16_of(float value) {
  const uint32_t bits = bits_of_float(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (uint16_t)(value != value ? 0x7fc0u : rounded);
}

INLINE float float_of(uint16_t bf16) { return float_from_bits((uint32_t)bf16 << 16); }

/// Element i of an array whose type is known when the loop is compiled.
INLINE float load(const void *x, enum element e, long i) {
  return e == element_bf16 ? float_of(((const uint16_t *)x)[i]) : ((const float *)x)[i];
}

INLINE void store(void *x, enum element e, long i, float value) {
  if (e == element_bf16)
    ((uint16_t *)x)[i] = bf16_of(value);
  else
    ((float *)x)[i] = value;
}

/// Where row r of an array with H elements a row begins.
INLINE const void *row_of(const void *x, enum element e, long r, long H) {
  return (const char *)x + r * H * (e == element_bf16 ? 2 : 4);
}

INLINE void *row_in(void *x, enum element e, long r, long H) {
  return (char *)x + r * H * (e == element_bf16 ? 2 : 4);
}

/// Compiles a body once for each type of element: BODY(e) with e a constant.
#define FOR_ELEMENT(element, BODY) \
  do { \
    if ((element) == element_bf16) { \
      BODY(element_bf16); \
    } else { \
      BODY(element_fp32); \
    } \
  } while (0)

/// Draws that are made together: 8 counters give 32 words, 64 halves.
enum { draw_block = 64, draw_counters = 8 };

/// mask[e] = 0 or the scale, for the 64 elements whose counters start at `position`. Draw e of the block is the e-th
/// 16-bit half of the words 0 and 1 of all eight counters, then of the words 2 and 3.
INLINE void dropout_block(float mask[draw_block], const struct dropout *dropout, uint32_t position) {
  uint64_t c0[draw_counters], c1[draw_counters], c2[draw_counters], c3[draw_counters];
  for (int j = 0; j < draw_counters; j++) {
    c0[j] = (uint32_t)(position + (uint32_t)j);
    c1[j] = (uint32_t)dropout->index;
    c2[j] = dropout->index >> 32;
    c3[j] = dropout->purpose;
  }
  uint32_t k0 = dropout->key[0], k1 = dropout->key[1];
  for (int round = 0; round < 10; round++) {
    // The upper halves hold rubbish between rounds; the products take the lower halves only.
    for (int j = 0; j < draw_counters; j++) {
      const uint64_t p0 = (c0[j] & 0xffffffffu) * 0xD2511F53u;
      const uint64_t p1 = (c2[j] & 0xffffffffu) * 0xCD9E8D57u;
      c0[j] = (p1 >> 32) ^ c1[j] ^ k0;
      c1[j] = p1;
      c2[j] = (p0 >> 32) ^ c3[j] ^ k1;
      c3[j] = p0;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  uint64_t words[2 * draw_counters];
  for (int j = 0; j < draw_counters; j++) {
    words[j] = (c0[j] & 0xffffffffu) | (c1[j] << 32);
    words[j + draw_counters] = (c2[j] & 0xffffffffu) | (c3[j] << 32);
  }
  uint16_t draws[draw_block];
  memcpy(draws, words, sizeof draws);
  const uint32_t threshold = dropout->threshold;
  const float scale = dropout->scale;
  for (int e = 0; e < draw_block; e++) mask[e] = draws[e] >= threshold ? scale : 0.0f;
}
