#include "vector.h"

#include <math.h>
#include <stdbool.h>

long panels_size(long columns, long words) {
  return (columns + panel_columns - 1) / panel_columns * panel_columns * words * (long)sizeof(int32_t);
}

INLINE int32_t pair(float first, float second) {
  return (int32_t)((uint32_t)bf16_of(first) | (uint32_t)bf16_of(second) << 16);
}

/// Word w of a row of x.
INLINE int32_t word_at(const void *row, enum element element, enum element from, long w) {
  if (element != from) return pair(((const float *)row)[2 * w], ((const float *)row)[2 * w + 1]);
  int32_t word;
  memcpy(&word, (const char *)row + w * 4, sizeof word);
  return word;
}

/// Sixteen words from word w of a row of x on.
INLINE ints words_at(const void *row, enum element element, enum element from, long w) {
  if (element == from) return *(const ints *)((const char *)row + w * 4);
  const floats a = load_lanes(row, element_fp32, 2 * w), b = load_lanes(row, element_fp32, 2 * w + lanes);
  const floats even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const floats odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return pairs(even, odd);
}

INLINE void transposed(int32_t *panels, enum element element, const void *x, enum element from, long x_row,
                       long columns, long depth, long first, long last) {
  const long words = element == element_bf16 ? depth / 2 : depth;
  for (long column = first; column < last; column += lanes) {
    int32_t *panel = panels + column / panel_columns * panel_columns * words + column % panel_columns;
    const long width = columns - column < lanes ? columns - column : lanes;
    long w = 0;
    if (width == lanes)
      for (; w + lanes <= words; w += lanes) {
        ints block[lanes];
#pragma unroll
        for (int j = 0; j < lanes; j++) block[j] = words_at(row_of(x, from, column + j, x_row), element, from, w);
        transpose(block);
#pragma unroll
        for (int j = 0; j < lanes; j++) *(ints *)(panel + (w + j) * panel_columns) = block[j];
      }
    for (; w < words; w++)
      for (long j = 0; j < lanes; j++)
        panel[w * panel_columns + j] =
            j < width ? word_at(row_of(x, from, column + j, x_row), element, from, w) : 0;
    // The half of a last panel that has no column.
    if (column + lanes >= columns && column % panel_columns == 0)
      for (w = 0; w < words; w++) memset(panel + w * panel_columns + lanes, 0, lanes * sizeof *panel);
  }
}

KERNEL void pack_transposed(int32_t *panels, enum element element, const void *x, enum element from, long x_row,
                            long columns, long depth, long first, long last) {
  if (element == element_fp32)
    transposed(panels, element_fp32, x, element_fp32, x_row, columns, depth, first, last);
  else if (from == element_fp32)
    transposed(panels, element_bf16, x, element_fp32, x_row, columns, depth, first, last);
  else
    transposed(panels, element_bf16, x, element_bf16, x_row, columns, depth, first, last);
}

/// A panel after the other, so that what is written lies together.
INLINE void rows_of_words(int32_t *panels, enum element element, const void *x, enum element from, long x_row,
                          long columns, long depth, long first, long last) {
  const long panel_words = element == element_bf16 ? (depth + 1) / 2 : depth;
  for (long column = 0; column < columns; column += panel_columns) {
    const long width = columns - column < panel_columns ? columns - column : panel_columns;
    for (long w = first; w < last; w++) {
      int32_t *out = panels + column * panel_words + w * panel_columns;
      const long r = element == element_bf16 ? 2 * w : w;
      const bool has_second = element == element_bf16 && r + 1 < depth;
      const void *row = row_of(x, from, r, x_row), *next = row_of(x, from, has_second ? r + 1 : r, x_row);
      if (width == panel_columns) {
        for (int j = 0; j < panel_columns; j += lanes) {
          const floats a = load_lanes(row, from, column + j);
          const floats b = has_second ? load_lanes(next, from, column + j) : all(0);
          if (element == element_fp32)
            *(ints *)(out + j) = (ints)a;
          else if (from == element_fp32)
            *(ints *)(out + j) = pairs(a, b);
          else  // nothing to round
            *(ints *)(out + j) = (ints)((words)a >> 16 | (words)b);
        }
        continue;
      }
      for (long j = 0; j < panel_columns; j++) {
        const float a = j < width ? load(row, from, column + j) : 0;
        const float b = j < width && has_second ? load(next, from, column + j) : 0;
        out[j] = element == element_fp32 ? (int32_t)bits_of_float(a) : pair(a, b);
      }
    }
  }
}

KERNEL void pack_rows(int32_t *panels, enum element element, const void *x, enum element from, long x_row, long columns,
                      long depth, long first, long last) {
  if (element == element_fp32)
    rows_of_words(panels, element_fp32, x, element_fp32, x_row, columns, depth, first, last);
  else if (from == element_fp32)
    rows_of_words(panels, element_bf16, x, element_fp32, x_row, columns, depth, first, last);
  else
    rows_of_words(panels, element_bf16, x, element_bf16, x_row, columns, depth, first, last);
}

/// Halves away from zero: the same with and without vectors.
INLINE int32_t nearest(float x) { return (int32_t)(x < 0 ? x - 0.5f : x + 0.5f); }

KERNEL void pack_int8(int32_t *panels, float *scale, int32_t *sum, const float *x, long columns, long depth) {
  const long words = depth / 4;
  memset(panels, 0, (size_t)panels_size(columns, words));
  for (long column = 0; column < columns; column++) {
    const float *row = x + column * depth;
    int32_t *out = panels + column / panel_columns * panel_columns * words + column % panel_columns;
    float largest = 0;
    for (long d = 0; d < depth; d++) largest = fabsf(row[d]) > largest ? fabsf(row[d]) : largest;
    const float unit = largest > 0 ? largest / 127.0f : 1.0f;
    int32_t total = 0;
    for (long w = 0; w < words; w++) {
      uint32_t word = 0;
      for (long i = 0; i < 4; i++) {
        const int32_t byte = nearest(row[4 * w + i] / unit);
        total += byte;
        word |= ((uint32_t)byte & 255u) << (8 * i);
      }
      out[w * panel_columns] = (int32_t)word;
    }
    scale[column] = unit;
    sum[column] = 128 * total;
  }
}



INLINE void quantised(uint8_t *out, float *scale, const void *x, enum element from, long rows, long H) {
  for (long r = 0; r < rows; r++) {
    const void *row = row_of(x, from, r, H);
    // Lanes by hand: a maximum is no sum to the vectoriser.
    float most[lanes] = {0};
    long h = 0;
    for (; h + lanes <= H; h += lanes)
      for (int j = 0; j < lanes; j++) {
        const float size = float_from_bits(bits_of_float(load(row, from, h + j)) & 0x7fffffffu);
        most[j] = size > most[j] ? size : most[j];
      }
    for (; h < H; h++) most[0] = fabsf(load(row, from, h)) > most[0] ? fabsf(load(row, from, h)) : most[0];
    float largest = 0;
    for (int j = 0; j < lanes; j++) largest = most[j] > largest ? most[j] : largest;
    const float unit = largest > 0 ? largest / 127.0f : 1.0f;
    const float share = 1.0f / unit;
    scale[r] = unit;
    uint8_t *bytes = out + r * H;
    for (h = 0; h < H; h++) bytes[h] = (uint8_t)(int32_t)(load(row, from, h) * share + 128.5f);
  }
}

KERNEL void quantise_rows(uint8_t *out, float *scale, const void *x, enum element from, long rows, long H) {
#define QUANTISED(e) quantised(out, scale, x, e, rows, H)
  FOR_ELEMENT(from, QUANTISED);
}

KERNEL void bias_backward(float *dbias, enum element element, const int32_t *panels, long columns, long words) {
  for (long column = 0; column < columns; column += panel_columns) {
    const int32_t *panel = panels + column * words;
    float sum[panel_columns] = {0};
    for (long w = 0; w < words; w++) {
      for (long j = 0; j < panel_columns; j++) {
        const uint32_t word = (uint32_t)panel[w * panel_columns + j];
        sum[j] += element == element_fp32 ? float_from_bits(word)
                                          : float_from_bits(word << 16) + float_from_bits(word & 0xffff0000u);
      }
    }
    const long width = columns - column < panel_columns ? columns - column : panel_columns;
    for (long j = 0; j < width; j++) dbias[column + j] += sum[j];
  }
}
