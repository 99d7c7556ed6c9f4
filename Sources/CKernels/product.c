// Matrix products. Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008), for factors of which
// one is packed once and used many times.
#include "activation.h"
#include "product.h"

#include <stdbool.h>
#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

// MARK: - What becomes of a tile of sums

INLINE floats sums(const struct product *p, enum element element, const int32_t *tile, long row, long column) {
  const ints sum = *(const ints *)tile;
  if (element != element_int8) return (floats)sum;
  // The left factor was moved by 128 to be unsigned.
  const ints moved = sum - *(const ints *)(p->b_sum + column);
  return __builtin_convertvector(moved, floats) * (load_lanes(p->b_scale, element_fp32, column) * p->a_scale[row]);
}

/// Thirty-two columns of a row, `at` elements into c. `rounds`: the target has the instruction that rounds to bfloat16.
INLINE void finish_lanes(const struct product *p, const int32_t *tile, long row, long column, long at,
                         enum element element, enum finish finish, enum activation activation,
                         const bool rounds) {
  const enum element out = element == element_fp32 ? element_fp32 : element_bf16;
  floats y[2], other[2];
  for (int i = 0; i < 2; i++) {
    const floats x = sums(p, element, tile + i * lanes, row, column + i * lanes);
    const floats bias = p->bias ? load_lanes(p->bias, element_fp32, column + i * lanes) : all(0);
    const long there = at + i * lanes;
    if (finish == finish_store) {
      y[i] = x;
    } else if (finish == finish_add) {
      y[i] = load_lanes(p->c, element_fp32, there) + x;
    } else if (finish == finish_bias) {
      y[i] = (element != element_int8 && p->a_scale ? x * p->a_scale[row] : x) + bias;
    } else if (finish == finish_activation) {
      other[i] = x + bias;
      y[i] = activated(other[i], activation, out);
    } else {
      y[i] = x * activation_slope(load_lanes(p->kept, out, there), activation, out, &other[i]);
    }
  }
  const bool is_float = finish == finish_store || finish == finish_add || out == element_fp32;
  const bool keeps = finish == finish_slope || (finish == finish_activation && p->kept);
  if (rounds && !is_float) {
    store_two_bf16(p->c, at, y[0], y[1]);
    if (keeps) store_two_bf16(p->kept, at, other[0], other[1]);
  } else {
    store_two(p->c, is_float ? element_fp32 : out, at, y[0], y[1]);
    if (keeps) store_two(p->kept, out, at, other[0], other[1]);
  }
}

INLINE void finish_rows(const struct product *p, const int32_t *tile, long first, long rows, long column,
                        enum element element, enum finish finish, enum activation activation,
                         const bool rounds) {
  for (long r = 0; r < rows; r++)
    finish_lanes(p, tile + r * panel_columns, first + r, column, (first + r) * p->c_row + column, element, finish,
                 activation, rounds);
}

/// A last panel that is not full: as if it were, in memory of its own.
INLINE void finish_narrow(const struct product *p, const int32_t *tile, long first, long rows, long column, long columns,
                          enum element element, enum finish finish, enum activation activation,
                         const bool rounds) {
  const long size = element == element_fp32 || finish == finish_store || finish == finish_add ? 4 : 2;
  float c[panel_columns], kept[panel_columns], bias[panel_columns] = {0}, scale[panel_columns] = {0};
  int32_t sum[panel_columns] = {0};
  struct product q = *p;
  if (p->bias) memcpy(bias, p->bias + column, (size_t)columns * 4), q.bias = bias;
  if (element == element_int8) {
    memcpy(scale, p->b_scale + column, (size_t)columns * 4), q.b_scale = scale;
    memcpy(sum, p->b_sum + column, (size_t)columns * 4), q.b_sum = sum;
  }
  q.c = c;
  if (p->kept) q.kept = kept;
  memset(c, 0, sizeof c);
  memset(kept, 0, sizeof kept);
  for (long r = 0; r < rows; r++) {
    const long at = ((first + r) * p->c_row + column) * size, bytes = columns * size;
    if (finish == finish_add) memcpy(c, (char *)p->c + at, (size_t)bytes);
    if (finish == finish_slope) memcpy(kept, (char *)p->kept + at, (size_t)bytes);
    finish_lanes(&q, tile + r * panel_columns, first + r, 0, 0, element, finish, activation, rounds);
    memcpy((char *)p->c + at, c, (size_t)bytes);
    if (p->kept) memcpy((char *)p->kept + at, kept, (size_t)bytes);
  }
}

INLINE void finish(const struct product *p, enum element element, const int32_t *tile, long first, long rows,
                   long column, const bool rounds) {
  const long columns = p->columns - column;
#define FINISH(f, a)                                                                                                  \
  do {                                                                                                                \
    if (columns >= panel_columns)                                                                                     \
      finish_rows(p, tile, first, rows, column, element, f, a, rounds);                                               \
    else                                                                                                              \
      finish_narrow(p, tile, first, rows, column, columns, element, f, a, rounds);                                    \
  } while (0)
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

/// Fetches the lines that a tile will be stored to while its sums are computed.
INLINE void expect(const struct product *p, enum element element, long first, long rows, long column) {
  const long size = element == element_fp32 || p->finish == finish_store || p->finish == finish_add ? 4 : 2;
  const long left = p->columns - column, bytes = (left < panel_columns ? left : panel_columns) * size;
  for (long r = 0; r < rows; r++) {
    const long at = ((first + r) * p->c_row + column) * size;
    for (long byte = 0; byte < bytes; byte += 64) {
      __builtin_prefetch((const char *)p->c + at + byte, 1);
      if (p->kept) __builtin_prefetch((const char *)p->kept + at + byte, 1);
    }
  }
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
#define ROUNDS true
#include "product_tile.inc"

#define NAME int8_dot
#define ELEMENT element_int8
#define DOT(sum, a, b) (VECTOR) _mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(a), (__m512i)(b))
#define TARGET __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,fma,bmi2,avx512vnni")))
#define LANES 16
#define TILE_ROWS 8
#include "product_tile.inc"

// MARK: - AMX

#include "product_amx.inc"

/// Linux gives a process the tiles when it asks for them, and its threads get them with it.
static bool may_use_tiles(void) {
  enum { unknown, yes, no };
  static _Atomic int answer = unknown;
  if (answer == unknown) {
    const long request_permission = 0x1023, tile_data = 18;
    answer = syscall(SYS_arch_prctl, request_permission, tile_data) == 0 ? yes : no;
  }
  return answer == yes;
}

void begin_products(void) { keeps_tiles = true; }

void end_products(void) {
  keeps_tiles = false;
  release();
}

#else

void begin_products(void) {}
void end_products(void) {}

#endif

// MARK: - The choice

enum instructions best_instructions(enum element element) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                     __builtin_cpu_supports("avx512vl");
  const int avx512bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
  const int amx = avx512bf16 && __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
                  __builtin_cpu_supports("amx-int8");
  if (amx && element != element_fp32 && may_use_tiles()) return instructions_amx;
  if (avx512bf16 && element == element_bf16) return instructions_dot;
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
  static void (*const variants[3][5])(const struct product *) = {
      [element_fp32] = {fp32_plain, fp32_avx2, fp32_avx512, fp32_avx512, fp32_avx512},
      [element_bf16] = {bf16_plain, bf16_avx2, bf16_avx512, bf16_dot, bf16_amx},
      [element_int8] = {int8_plain, int8_avx2, int8_avx512, int8_dot, int8_amx},
  };
#else
  static void (*const variants[3][1])(const struct product *) = {
      [element_fp32] = {fp32_plain}, [element_bf16] = {bf16_plain}, [element_int8] = {int8_plain}};
  instructions = instructions_plain;
#endif
  variants[p->element][instructions](p);
}

void multiply(const struct product *p) { multiply_with(p, best_instructions(p->element)); }
