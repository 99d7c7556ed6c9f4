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

/// The natural logarithm of x > 0 within 2 ulp; Cephes' logf.
INLINE float log_of(float x) {
#pragma clang fp reassociate(off) contract(on)
  // x = 2^n m, with m in [1/sqrt(2), sqrt(2))
  const uint32_t bits = bits_of_float(x) - 0x3f3504f3u;
  const float n = (float)((int32_t)bits >> 23);
  const float m = float_from_bits((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  const float z = m * m;
  float p = 7.0376836292e-2f;
  p = p * m + -1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m + -1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m + -1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m + -2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  p = p * m * z + n * -2.12194440e-4f - 0.5f * z;
  return m + p + n * 0.693359375f;
}

/// The bfloat16 nearest to a float, halves to even. What is not a number stays so where the processor made it.
INLINE uint16_t bf16_of(float value) {
  const uint32_t bits = bits_of_float(value);
  return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
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

// MARK: - Sixteen at a time

/// Where a loop has too much in it for the compiler to see that it is one: vectors by hand. On CPUs with narrower ones the
/// compiler takes them apart.
enum { lanes = 16 };
typedef float floats __attribute__((vector_size(64), aligned(4)));
typedef int32_t ints __attribute__((vector_size(64), aligned(4)));
typedef uint32_t words __attribute__((vector_size(64), aligned(4)));
typedef uint16_t halves __attribute__((vector_size(32), aligned(2)));
typedef uint16_t all_halves __attribute__((vector_size(64), aligned(2)));

INLINE floats all(float x) { return (floats){0} + x; }

INLINE floats load_lanes(const void *x, enum element e, long i) {
  if (e == element_fp32) return *(const floats *)((const float *)x + i);
  return (floats)(__builtin_convertvector(*(const halves *)((const uint16_t *)x + i), words) << 16);
}

/// With the bfloat16 nearest to each lane, halves to even, in the upper half.
INLINE words rounded(floats value) {
  const words bits = (words)value;
  return bits + 0x7fffu + ((bits >> 16) & 1u);
}

INLINE void store_lanes(void *x, enum element e, long i, floats value) {
  if (e == element_fp32)
    *(floats *)((float *)x + i) = value;
  else
    *(halves *)((uint16_t *)x + i) = __builtin_convertvector(rounded(value) >> 16, halves);
}

/// Thirty-two elements; for bfloat16 faster than sixteen twice.
INLINE void store_two(void *x, enum element e, long i, floats first, floats second) {
  if (e == element_fp32) {
    store_lanes(x, e, i, first);
    store_lanes(x, e, i + lanes, second);
    return;
  }
  const all_halves a = (all_halves)rounded(first), b = (all_halves)rounded(second);
  *(all_halves *)((uint16_t *)x + i) =
      __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43,
                              45, 47, 49, 51, 53, 55, 57, 59, 61, 63);
}

typedef __bf16 bf16s __attribute__((vector_size(32), aligned(2)));
typedef __bf16 all_bf16s __attribute__((vector_size(64), aligned(2)));

/// `store_two` for bfloat16 where the target has the instruction that rounds; subnormal numbers become zero.
INLINE void store_two_bf16(void *x, long i, floats first, floats second) {
  const bf16s a = __builtin_convertvector(first, bf16s), b = __builtin_convertvector(second, bf16s);
  *(all_bf16s *)((uint16_t *)x + i) =
      __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
                              24, 25, 26, 27, 28, 29, 30, 31);
}

/// The larger of each two lanes, and the smaller; a's where it is not a number.
INLINE floats larger(floats a, floats b) {
  floats c;
  for (int i = 0; i < lanes; i++) c[i] = b[i] > a[i] ? b[i] : a[i];
  return c;
}

INLINE floats smaller(floats a, floats b) {
  floats c;
  for (int i = 0; i < lanes; i++) c[i] = b[i] < a[i] ? b[i] : a[i];
  return c;
}

// Lanes moved by 8, 4, 2 and 1.
#define MOVED_8(x) __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)
#define MOVED_4(x) __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3)
#define MOVED_2(x) __builtin_shufflevector(x, x, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1)
#define MOVED_1(x) __builtin_shufflevector(x, x, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0)

INLINE float sum_of_lanes(floats x) {
  x += MOVED_8(x);
  x += MOVED_4(x);
  x += MOVED_2(x);
  return x[0] + x[1];
}

INLINE float largest_of_lanes(floats x) {
  x = larger(x, MOVED_8(x));
  x = larger(x, MOVED_4(x));
  x = larger(x, MOVED_2(x));
  return larger(x, MOVED_1(x))[0];
}

/// Words of two bfloat16 each.
INLINE ints pairs(floats first, floats second) {
  return (ints)(rounded(first) >> 16 | (rounded(second) & 0xffff0000u));
}

/// Sixteen rows of sixteen words become columns.
INLINE void transpose(ints x[lanes]) {
#define MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
  // Blocks of 1, 2, 4 and 8 words change places.
  for (int r = 0; r < lanes; r += 2) {
    const ints a = x[r], b = x[r + 1];
    x[r] = MIX(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    x[r + 1] = MIX(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
  }
  for (int r = 0; r < lanes; r++) {
    if (r & 2) continue;
    const ints a = x[r], b = x[r + 2];
    x[r] = MIX(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    x[r + 2] = MIX(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  }
  for (int r = 0; r < lanes; r++) {
    if (r & 4) continue;
    const ints a = x[r], b = x[r + 4];
    x[r] = MIX(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    x[r + 4] = MIX(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  }
  for (int r = 0; r < 8; r++) {
    const ints a = x[r], b = x[r + 8];
    x[r] = MIX(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    x[r + 8] = MIX(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  }
#undef MIX
}

/// a where the mask has ones, b where it has zeros.
INLINE floats chosen(ints mask, floats a, floats b) { return (floats)(((ints)a & mask) | ((ints)b & ~mask)); }

/// e^x within 2 ulp on [-87.3, 88]; outside, the value at the border. Cephes' expf; the rounding by adding 1.5 * 2^23
/// leaves the exponent in the low bits.
INLINE floats exp_of(floats x) {
#pragma clang fp reassociate(off) contract(on)
  x = smaller(larger(x, all(-87.3f)), all(88.0f));
  const floats shifted = x * 1.44269504f + 12582912.0f;
  const floats n = shifted - 12582912.0f;
  floats r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  floats p = all(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  return p * (floats)(((words)shifted + 127u) << 23);
}

/// tanh x within 3e-7
INLINE floats tanh_of(floats x) { return 1.0f - 2.0f / (exp_of(2.0f * x) + 1.0f); }

/// erf x within 1e-7: two minimax polynomials (N. Juffa), both computed, one taken.
INLINE floats erf_of(floats x) {
#pragma clang fp reassociate(off) contract(on)
  const ints sign = (ints)x & (int32_t)0x80000000u;
  const floats t = (floats)((ints)x ^ sign);
  const floats s = x * x;
  floats far = -1.72853470e-5f * t + 3.83197126e-4f;
  const floats u = -3.88396438e-3f * t + 2.42546219e-2f;
  far = far * s + u;
  far = far * t + -1.06777877e-1f;
  far = far * t + -6.34846687e-1f;
  far = far * t + -1.28717512e-1f;
  far = far * t - t;
  far = 1.0f - exp_of(far);
  floats near = all(-5.96761703e-4f);
  near = near * s + 4.99119423e-3f;
  near = near * s + -2.67681349e-2f;
  near = near * s + 1.12819925e-1f;
  near = near * s + -3.76125336e-1f;
  near = near * s + 1.28379166e-1f;
  near = near * x + x;
  return chosen((ints)(t > 0.927734375f), (floats)((ints)far | sign), near);
}

/// 2^x within 8e-5 of itself on [-126, 127]; below, 2^-126. Enough for what becomes bfloat16.
INLINE floats exp2_near(floats x) {
#pragma clang fp reassociate(off) contract(on)
  x = larger(x, all(-126.0f));
  const floats shifted = x + 12582912.0f;
  const floats f = x - (shifted - 12582912.0f);
  floats p = all(5.51716648e-2f);
  p = p * f + 2.42611140e-1f;
  p = p * f + 6.93260968e-1f;
  p = p * f + 9.99928057e-1f;
  return (floats)((words)p + ((words)shifted << 23));
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

/// mask[e] = 0 or the scale, for the 64 elements whose counters start at `position`. Philox with 7 rounds, the fewest that
/// pass all tests of TestU01 (Salmon et al., table 2). Draws 0..<16 are the lower halves of the words 1 and 0 of all eight
/// counters, 16..<32 their upper halves; 32..<64 those of the words 3 and 2.
INLINE void dropout_block(float mask[draw_block], const struct dropout *dropout, uint32_t position) {
  uint64_t c0[draw_counters], c1[draw_counters], c2[draw_counters], c3[draw_counters];
  for (int j = 0; j < draw_counters; j++) {
    c0[j] = (uint32_t)(position + (uint32_t)j);
    c1[j] = (uint32_t)dropout->index;
    c2[j] = dropout->index >> 32;
    c3[j] = dropout->purpose;
  }
  uint32_t k0 = dropout->key[0], k1 = dropout->key[1];
#pragma unroll
  for (int round = 0; round < 7; round++) {
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
    words[j] = (c1[j] & 0xffffffffu) | (c0[j] << 32);
    words[j + draw_counters] = (c3[j] & 0xffffffffu) | (c2[j] << 32);
  }
  uint32_t draws[draw_block / 2];
  memcpy(draws, words, sizeof draws);
  const uint32_t threshold = dropout->threshold << 16;
  const float scale = dropout->scale;
  // A half is below the threshold when its word, the half moved up, is below the threshold moved up.
  for (int e = 0; e < 16; e++) {
    mask[e] = draws[e] << 16 >= threshold ? scale : 0.0f;
    mask[16 + e] = draws[e] >= threshold ? scale : 0.0f;
    mask[32 + e] = draws[16 + e] << 16 >= threshold ? scale : 0.0f;
    mask[48 + e] = draws[16 + e] >= threshold ? scale : 0.0f;
  }
}
