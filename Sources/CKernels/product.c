// Matrix products. Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008), for factors of which
// one is packed once and used many times.
#include "activation.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// MARK: - What becomes of a tile of sums

INLINE float sum_of(const struct product *p, enum element element, const int32_t *tile, long row, long column) {
  // The left factor was moved by 128 to be unsigned.
  if (element == element_int8) return (float)(*tile - p->b_sum[column]) * (p->a_scale[row] * p->b_scale[column]);
  return float_from_bits((uint32_t)*tile);
}

// `columns` is panel_columns but in a last, narrow panel; a constant makes straight vector code of the loops.
INLINE void finish_rows(const struct product *p, const int32_t *tile, long first, long rows, long column, long columns,
                        enum element element, enum finish finish, enum activation activation) {
  const enum element out = element == element_fp32 ? element_fp32 : element_bf16;
  float bias[panel_columns] = {0};
  if (p->bias)
    for (long j = 0; j < columns; j++) bias[j] = p->bias[column + j];
  for (long r = 0; r < rows; r++, tile += panel_columns) {
    const long at = (first + r) * p->c_row + column;
    float x[panel_columns];
    for (long j = 0; j < columns; j++) x[j] = sum_of(p, element, tile + j, first + r, column + j);
    if (finish == finish_store) {
      float *c = (float *)p->c + at;
      for (long j = 0; j < columns; j++) c[j] = x[j];
    } else if (finish == finish_add) {
      float *c = (float *)p->c + at;
      for (long j = 0; j < columns; j++) x[j] += c[j];
      for (long j = 0; j < columns; j++) c[j] = x[j];
    } else if (finish == finish_bias) {
      const float scale = element != element_int8 && p->a_scale ? p->a_scale[first + r] : 1.0f;
      for (long j = 0; j < columns; j++) store(p->c, out, at + j, x[j] * scale + bias[j]);
    } else if (finish == finish_activation) {
      for (long j = 0; j < columns; j++) x[j] += bias[j];
      if (p->kept)
        for (long j = 0; j < columns; j++) store(p->kept, out, at + j, x[j]);
      for (long j = 0; j < columns; j++) store(p->c, out, at + j, activated(x[j], activation));
    } else {
      float y[panel_columns];
      for (long j = 0; j < columns; j++) x[j] *= activation_slope(load(p->kept, out, at + j), activation, &y[j]);
      for (long j = 0; j < columns; j++) store(p->c, out, at + j, x[j]);
      for (long j = 0; j < columns; j++) store(p->kept, out, at + j, y[j]);
    }
  }
}

INLINE void finish_columns(const struct product *p, enum element element, const int32_t *tile, long first, long rows,
                           long column, long columns) {
#define FINISH(f, a) finish_rows(p, tile, first, rows, column, columns, element, f, a)
#define FINISH_WITH_ACTIVATION(f)                                                                                     \
  switch (p->activation) {                                                                                            \
  case activation_gelu: FINISH(f, activation_gelu); break;                                                            \
  case activation_gelu_tanh: FINISH(f, activation_gelu_tanh); break;                                                  \
  case activation_relu: FINISH(f, activation_relu); break;                                                            \
  }
  switch (p->finish) {
  case finish_store: FINISH(finish_store, activation_relu); break;
  case finish_add: FINISH(finish_add, activation_relu); break;
  case finish_bias: FINISH(finish_bias, activation_relu); break;
  case finish_activation: FINISH_WITH_ACTIVATION(finish_activation) break;
  case finish_slope: FINISH_WITH_ACTIVATION(finish_slope) break;
  }
}

INLINE void finish(const struct product *p, enum element element, const int32_t *tile, long first, long rows,
                   long column) {
  const long left = p->columns - column;
  if (left >= panel_columns)
    finish_columns(p, element, tile, first, rows, column, panel_columns);
  else
    finish_columns(p, element, tile, first, rows, column, left);
}

// MARK: - What a word is, in plain vector code

#define PRODUCT_OF(a, b) ((FLOATS)(a) * (FLOATS)(b))
#define DOT_FP32(sum, a, b) (VECTOR)((FLOATS)(sum) + PRODUCT_OF(a, b))
// A bfloat16 is the upper half of a float.
#define DOT_BF16(sum, a, b)                                                                                           \
  (VECTOR)((FLOATS)(sum) + PRODUCT_OF((a) << 16, (b) << 16) +                                                         \
           PRODUCT_OF((a) & (int32_t)0xffff0000u, (b) & (int32_t)0xffff0000u))
// Unsigned bytes on the left, signed bytes on the right.
#define BYTES(a, b, i) ((((a) >> (8 * (i))) & 255) * (((b) << (24 - 8 * (i))) >> 24))
#define DOT_INT8(sum, a, b) ((sum) + BYTES(a, b, 0) + BYTES(a, b, 1) + BYTES(a, b, 2) + BYTES(a, b, 3))

// MARK: - Plain

#define NAME fp32_plain
#define ELEMENT element_fp32
#define DOT DOT_FP32
#define TARGET
#define LANES 4
#define TILE_ROWS 4
#include "product_tile.inc"

#define NAME bf16_plain
#define ELEMENT element_bf16
#define DOT DOT_BF16
#define TARGET
#define LANES 4
#define TILE_ROWS 4
#include "product_tile.inc"

#define NAME int8_plain
#define ELEMENT element_int8
#define DOT DOT_INT8
#define TARGET
#define LANES 4
#define TILE_ROWS 4
#include "product_tile.inc"

#if defined(__x86_64__)

// MARK: - AVX2

#define AVX2 __attribute__((target("avx2,fma,bmi2")))

#define NAME fp32_avx2
#define ELEMENT element_fp32
#define DOT DOT_FP32
#define TARGET AVX2
#define LANES 8
#define TILE_ROWS 4
#include "product_tile.inc"

#define NAME bf16_avx2
#define ELEMENT element_bf16
#define DOT DOT_BF16
#define TARGET AVX2
#define LANES 8
#define TILE_ROWS 4
#include "product_tile.inc"

#define NAME int8_avx2
#define ELEMENT element_int8
#define DOT DOT_INT8
#define TARGET AVX2
#define LANES 8
#define TILE_ROWS 4
#include "product_tile.inc"

// MARK: - AVX-512

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,fma,bmi2")))

#define NAME fp32_avx512
#define ELEMENT element_fp32
#define DOT DOT_FP32
#define TARGET AVX512
#define LANES 16
#define TILE_ROWS 8
#include "product_tile.inc"

#define NAME bf16_avx512
#define ELEMENT element_bf16
#define DOT DOT_BF16
#define TARGET AVX512
#define LANES 16
#define TILE_ROWS 8
#include "product_tile.inc"

#define NAME int8_avx512
#define ELEMENT element_int8
#define DOT DOT_INT8
#define TARGET AVX512
#define LANES 16
#define TILE_ROWS 8
#include "product_tile.inc"

// MARK: - AVX-512 with the instruction for the word

#define NAME bf16_dot
#define ELEMENT element_bf16
#define DOT(sum, a, b) (VECTOR) _mm512_dpbf16_ps((__m512)(sum), (__m512bh)(a), (__m512bh)(b))
#define TARGET __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,fma,bmi2,avx512bf16")))
#define LANES 16
#define TILE_ROWS 8
#include "product_tile.inc"

#define NAME int8_dot
#define ELEMENT element_int8
#define DOT(sum, a, b) (VECTOR) _mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(a), (__m512i)(b))
#define TARGET __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,fma,bmi2,avx512vnni")))
#define LANES 16
#define TILE_ROWS 8
#include "product_tile.inc"

#endif

// MARK: - The choice

enum instructions best_instructions(enum element element) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                     __builtin_cpu_supports("avx512vl");
  if (avx512 && element == element_bf16 && __builtin_cpu_supports("avx512bf16")) return instructions_dot;
  if (avx512 && element == element_int8 && __builtin_cpu_supports("avx512vnni")) return instructions_dot;
  if (avx512) return instructions_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    return instructions_avx2;
#endif
  (void)element;
  return instructions_plain;
}

void multiply_with(const struct product *p, enum instructions instructions) {
#if defined(__x86_64__)
  static void (*const variants[3][4])(const struct product *) = {
      [element_fp32] = {fp32_plain, fp32_avx2, fp32_avx512, fp32_avx512},
      [element_bf16] = {bf16_plain, bf16_avx2, bf16_avx512, bf16_dot},
      [element_int8] = {int8_plain, int8_avx2, int8_avx512, int8_dot},
  };
#else
  static void (*const variants[3][1])(const struct product *) = {
      [element_fp32] = {fp32_plain}, [element_bf16] = {bf16_plain}, [element_int8] = {int8_plain}};
  instructions = instructions_plain;
#endif
  variants[p->element][instructions](p);
}

void multiply(const struct product *p) { multiply_with(p, best_instructions(p->element)); }
