// Vaswani et al., "Attention is all you need" (2017). Backward needs no stored probabilities: they come again from the
// scores and one number per query, as in Dao et al., "FlashAttention" (2022).
#include "product.h"
#include "vector.h"

#include <stdbool.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Sums over the keys may be taken in any order.
#pragma clang fp reassociate(on)

enum { queries_per_block = 64 };

/// Rows of scores are filled up to whole panels.
static long filled(long keys) { return (keys + panel_columns - 1) / panel_columns * panel_columns; }

/// e^(x * scale - less); with bfloat16, scale and less have been multiplied with log2(e).
INLINE floats power(floats x, float scale, float less, enum element element) {
  return element == element_bf16 ? exp2_near(x * scale - less) : exp_of(x * scale - less);
}

INLINE float base(enum element element) { return element == element_bf16 ? 1.44269504f : 1.0f; }

// MARK: - Rows of scores

/// Rows r..<r + n of `softmax`. Two at once, so that the processor need not wait for one row's steps one after the other.
INLINE void softmax_rows(void *p, float *share, float *logsum, float *scores, enum element element,
                         const struct attention *attention, long first, long r, const int n) {
  const long keys = attention->tokens, width = filled(keys);
  const float scale = attention->scale * base(element);
  float mask[2][draw_block], m[2];
  floats sum[2] = {{0}, {0}}, most[2];
  for (int i = 0; i < n; i++) {
    float *s = scores + (r + i) * width;
    for (long k = keys; k < width; k++) s[k] = -1e30f;
    most[i] = load_lanes(s, element_fp32, 0);
  }
  for (long k = lanes; k < width; k += lanes)
    for (int i = 0; i < n; i++)
      most[i] = larger(most[i], load_lanes(scores + (r + i) * width, element_fp32, k));
  for (int i = 0; i < n; i++) m[i] = largest_of_lanes(most[i]) * scale;
  uint32_t position = attention->position + (uint32_t)(first + r) * attention->position_step;
  for (long from = 0; from < width; from += draw_block, position += draw_counters) {
    const long to = width - from < draw_block ? width : from + draw_block;
    if (attention->dropout.threshold)
      for (int i = 0; i < n; i++)
        dropout_block(mask[i], &attention->dropout, position + (uint32_t)i * attention->position_step);
    for (long k = from; k < to; k += 2 * lanes)
      for (int i = 0; i < n; i++) {
        floats e[2];
        for (int j = 0; j < 2; j++) {
          e[j] = power(load_lanes(scores + (r + i) * width, element_fp32, k + j * lanes), scale, m[i], element);
          sum[i] += e[j];
          if (attention->dropout.threshold) e[j] *= load_lanes(mask[i], element_fp32, k + j * lanes - from);
        }
        store_two(row_in(p, element, r + i, width), element, k, e[0], e[1]);
      }
  }
  for (int i = 0; i < n; i++) {
    const float total = sum_of_lanes(sum[i]);
    share[r + i] = 1.0f / total;
    if (logsum) logsum[(first + r + i) * attention->logsum_row] = m[i] / base(element) + log_of(total);
  }
}

/// p [rows, filled(keys)], elements, = dropout(exp(scale * scores - the row's largest)); share [rows] is 1 over the
/// exponentials' sum, logsum its logarithm.
INLINE void softmax(void *p, float *share, float *logsum, float *scores, enum element element,
                    const struct attention *attention, long first, long rows) {
  long r = 0;
  for (; r + 2 <= rows; r += 2) softmax_rows(p, share, logsum, scores, element, attention, first, r, 2);
  if (r < rows) softmax_rows(p, share, logsum, scores, element, attention, first, r, 1);
}

KERNEL static void softmax_forward(void *p, float *share, float *logsum, float *scores,
                                   const struct attention *attention, long first, long rows) {
#define SOFTMAX(e) softmax(p, share, logsum, scores, e, attention, first, rows)
  FOR_ELEMENT(attention->element, SOFTMAX);
}

/// What a row of softmax's backward needs.
struct slope_row {
  const float *scores, *dscores;
  void *ds;
  /// The sum over the keys of probability times gradient.
  float mean;
  float log;
  uint32_t position;
  float mask[draw_block];
};

INLINE void begin_row(struct slope_row *row, void *ds, float *scores, float *dscores, const float *logsum,
                      const void *out, const void *dout, enum element element, const struct attention *attention,
                      long first, long r) {
  const long width = filled(attention->tokens);
  row->scores = scores + r * width;
  row->dscores = dscores + r * width;
  row->ds = row_in(ds, element, r, width);
  for (long k = attention->tokens; k < width; k++) scores[r * width + k] = -1e30f, dscores[r * width + k] = 0;
  // The sum equals out . dout, dropout included.
  const void *o = row_of(out, element, first + r, attention->context_row);
  const void *g = row_of(dout, element, first + r, attention->context_row);
  row->mean = 0;
  for (long h = 0; h < attention->head_size; h++) row->mean += load(o, element, h) * load(g, element, h);
  row->log = logsum[(first + r) * attention->logsum_row] * base(element);
  row->position = attention->position + (uint32_t)(first + r) * attention->position_step;
}

/// Sixteen keys of a row: dropout(softmax(scores)), and the gradient of the products of queries and keys, which goes to ds.
INLINE floats slopes_of(const struct slope_row *row, long k, enum element element, const struct attention *attention,
                        floats *slope) {
  const floats p = power(load_lanes(row->scores, element_fp32, k), attention->scale * base(element), row->log, element);
  floats d = load_lanes(row->dscores, element_fp32, k), dropped = p;
  if (attention->dropout.threshold) {
    const floats kept = load_lanes(row->mask, element_fp32, k % draw_block);
    d *= kept;
    dropped *= kept;
  }
  *slope = p * (d - row->mean) * attention->scale;
  store_lanes(row->ds, element, k, *slope);
  return dropped;
}

/// From scores and dscores [rows, filled(keys)], which are dout value^T: the probabilities and the gradient of the products
/// of queries and keys, packed by rows as left factors, and that gradient once more in rows [rows, filled(keys)].
INLINE void softmax_slope(int32_t *probabilities, int32_t *slopes, void *ds, float *scores, float *dscores,
                          const float *logsum, const void *out, const void *dout, enum element element,
                          const struct attention *attention, long first, long rows) {
  const long width = filled(attention->tokens), per_word = element == element_bf16 ? 2 : 1;
  const long block = (rows + per_word - 1) / per_word;
  struct slope_row row, next;
  for (long r = 0; r < rows; r += per_word) {
    const bool has_next = per_word == 2 && r + 1 < rows;
    begin_row(&row, ds, scores, dscores, logsum, out, dout, element, attention, first, r);
    if (has_next) begin_row(&next, ds, scores, dscores, logsum, out, dout, element, attention, first, r + 1);
    for (long from = 0; from < width; from += draw_block) {
      const long to = width - from < draw_block ? width : from + draw_block;
      if (attention->dropout.threshold) {
        dropout_block(row.mask, &attention->dropout, row.position);
        row.position += draw_counters;
        if (has_next) dropout_block(next.mask, &attention->dropout, next.position);
        next.position += draw_counters;
      }
      for (long k = from; k < to; k += lanes) {
        const long word = (k / panel_columns * block + r / per_word) * panel_columns + k % panel_columns;
        floats slope, next_slope = {0}, p = slopes_of(&row, k, element, attention, &slope), next_p = {0};
        if (has_next) next_p = slopes_of(&next, k, element, attention, &next_slope);
        *(ints *)(probabilities + word) = element == element_bf16 ? pairs(p, next_p) : (ints)p;
        *(ints *)(slopes + word) = element == element_bf16 ? pairs(slope, next_slope) : (ints)slope;
      }
    }
  }
}

KERNEL static void softmax_backward(int32_t *probabilities, int32_t *slopes, void *ds, float *scores, float *dscores,
                                    const float *logsum, const void *out, const void *dout,
                                    const struct attention *attention, long first, long rows) {
#define SLOPE(e)                                                                                                      \
  softmax_slope(probabilities, slopes, ds, scores, dscores, logsum, out, dout, e, attention, first, rows)
  FOR_ELEMENT(attention->element, SLOPE);
}

// MARK: - The variant for bfloat16

#if defined(__x86_64__)
#include "attention_bf16.inc"

static bool has_bf16_vectors(const struct attention *attention) {
  return attention->element == element_bf16 && attention->instructions >= instructions_dot;
}
#endif

static void forward_rows(void *p, float *share, float *logsum, float *scores, const struct attention *attention,
                         long first, long rows) {
#if defined(__x86_64__)
  if (has_bf16_vectors(attention)) {
    softmax_forward_bf16(p, share, logsum, scores, attention, first, rows);
    return;
  }
#endif
  softmax_forward(p, share, logsum, scores, attention, first, rows);
}

/// The scale that the probabilities' gradient has still to be multiplied with.
static float backward_rows(int32_t *probabilities, int32_t *slopes, void *ds, float *scores, float *dscores,
                           const float *logsum, const void *out, const void *dout, const struct attention *attention,
                           long first, long rows) {
#if defined(__x86_64__)
  if (has_bf16_vectors(attention)) {
    softmax_backward_bf16(probabilities, slopes, ds, scores, dscores, logsum, out, dout, attention, first, rows);
    return 1 / attention->scale;
  }
#endif
  softmax_backward(probabilities, slopes, ds, scores, dscores, logsum, out, dout, attention, first, rows);
  return 1;
}

/// out [rows, columns], elements, = x^T scale, with x [columns, x_row]
INLINE void turned(void *out, enum element element, long out_row, const float *x, long x_row, float scale, long rows,
                   long columns) {
  for (long c = 0; c < columns; c += lanes)
    for (long r = 0; r < rows; r += lanes) {
      const long width = columns - c < lanes ? columns - c : lanes, height = rows - r < lanes ? rows - r : lanes;
      ints block[lanes] = {0};
      for (long i = 0; i < width; i++) block[i] = (ints)(load_lanes(x, element_fp32, (c + i) * x_row + r) * scale);
      transpose(block);
      for (long i = 0; i < height; i++) {
        void *row = row_in(out, element, r + i, out_row);
        if (width == lanes)
          store_lanes(row, element, c, (floats)block[i]);
        else
          for (long j = 0; j < width; j++) store(row, element, c + j, ((floats)block[i])[j]);
      }
    }
}

KERNEL static void stored_turned(void *out, enum element element, long out_row, const float *x, long x_row,
                                 float scale, long rows, long columns) {
#define TURNED(e) turned(out, e, out_row, x, x_row, scale, rows, columns)
  FOR_ELEMENT(element, TURNED);
}

// MARK: - Scratch

static long bytes_of(enum element element) { return element == element_bf16 ? 2 : 4; }

static long words_of(enum element element, long count) { return element == element_bf16 ? (count + 1) / 2 : count; }

/// Takes `bytes` from the front of scratch, whole cache lines.
static void *take(uintptr_t *scratch, long bytes) {
  void *taken = (void *)*scratch;
  *scratch += (uintptr_t)(bytes + 63) / 64 * 64;
  return taken;
}

struct forward_scratch {
  int32_t *keys, *values;
  float *scores, *share;
  void *probabilities;
};

static long divide_forward(struct forward_scratch *s, char *scratch, long tokens, long head_size,
                           enum element element) {
  uintptr_t at = (uintptr_t)scratch;
  const long words = words_of(element, tokens);
  s->keys = take(&at, panels_size(tokens, words_of(element, head_size)));
  s->values = take(&at, panels_size(head_size, words));
  s->scores = take(&at, queries_per_block * filled(tokens) * 4);
  s->share = take(&at, queries_per_block * 4);
  s->probabilities = take(&at, queries_per_block * filled(tokens) * bytes_of(element));
  return (long)(at - (uintptr_t)scratch);
}

struct backward_scratch {
  int32_t *keys, *values, *key_rows, *queries, *dcontext, *probabilities, *slopes;
  /// [queries, filled(tokens)]
  float *scores, *dscores;
  /// Transposed: [head size, filled(tokens)].
  float *dkeys, *dvalues;
  void *ds;
};

static long divide_backward(struct backward_scratch *s, char *scratch, long tokens, long head_size,
                            enum element element) {
  uintptr_t at = (uintptr_t)scratch;
  const long words = words_of(element, tokens);
  const long block = words_of(element, queries_per_block);
  s->keys = take(&at, panels_size(tokens, words_of(element, head_size)));
  s->values = take(&at, panels_size(tokens, words_of(element, head_size)));
  s->key_rows = take(&at, panels_size(head_size, words));
  s->queries = take(&at, panels_size(head_size, block));
  s->dcontext = take(&at, panels_size(head_size, block));
  s->probabilities = take(&at, panels_size(tokens, block));
  s->slopes = take(&at, panels_size(tokens, block));
  s->scores = take(&at, queries_per_block * filled(tokens) * 4);
  s->dscores = take(&at, queries_per_block * filled(tokens) * 4);
  s->dkeys = take(&at, head_size * filled(tokens) * 4);
  s->dvalues = take(&at, head_size * filled(tokens) * 4);
  s->ds = take(&at, queries_per_block * filled(tokens) * bytes_of(element));
  return (long)(at - (uintptr_t)scratch);
}

long attention_forward_scratch(long tokens, long head_size, enum element element) {
  struct forward_scratch s;
  return divide_forward(&s, NULL, tokens, head_size, element);
}

long attention_backward_scratch(long tokens, long head_size, enum element element) {
  struct backward_scratch s;
  return divide_backward(&s, NULL, tokens, head_size, element);
}

// MARK: - Forward and backward

/// c [rows, columns] from the rows of a matrix and a packed right factor.
static struct product of_rows(enum element element, const void *a, long a_row, const int32_t *b, long rows,
                              long columns, long words, enum finish finish, void *c, long c_row) {
  const long row = a_row * bytes_of(element);
  return (struct product){.element = element, .finish = finish, .a = a, .a_row = row, .a_word = 4,
                          .a_panel = row * panel_columns, .b = b, .rows = rows, .columns = columns, .words = words,
                          .c = c, .c_row = c_row};
}

/// c [rows, columns] from the columns of packed panels and a packed right factor.
static struct product of_panels(enum element element, const int32_t *a, const int32_t *b, long rows, long columns,
                                long words, enum finish finish, void *c, long c_row) {
  return (struct product){.element = element, .finish = finish, .a = a, .a_row = 4, .a_word = panel_columns * 4,
                          .a_panel = words * panel_columns * 4, .b = b, .rows = rows, .columns = columns,
                          .words = words, .c = c, .c_row = c_row};
}

void attention_forward(const struct attention *attention, const void *q, const void *k, const void *v, float *logsum,
                       void *context, void *scratch) {
  const enum element element = attention->element;
  const long tokens = attention->tokens, size = attention->head_size, row = attention->qkv_row;
  const long words = words_of(element, tokens), depth = words_of(element, size);
  const long width = filled(tokens);
  struct forward_scratch s;
  divide_forward(&s, scratch, tokens, size, element);
  pack_transposed(s.keys, element, k, element, row, tokens, size, 0, tokens);
  pack_rows(s.values, element, v, element, row, size, tokens, 0, words);
  begin_products();
  for (long first = 0; first < tokens; first += queries_per_block) {
    const long rows = tokens - first < queries_per_block ? tokens - first : queries_per_block;
    struct product p = of_rows(element, row_of(q, element, first, row), row, s.keys, rows, width, depth, finish_store,
                               s.scores, width);
    multiply(&p);
    forward_rows(s.probabilities, s.share, logsum, s.scores, attention, first, rows);
    p = of_rows(element, s.probabilities, width, s.values, rows, size, words, finish_bias,
                row_in(context, element, first, attention->context_row), attention->context_row);
    p.a_scale = s.share;
    multiply(&p);
  }
  end_products();
}

void attention_backward(const struct attention *attention, const void *q, const void *k, const void *v,
                        const float *logsum, const void *context, const void *dcontext, void *dq, void *dk, void *dv,
                        void *scratch) {
  const enum element element = attention->element;
  const long tokens = attention->tokens, size = attention->head_size, row = attention->qkv_row;
  const long out = attention->context_row;
  const long words = words_of(element, tokens), depth = words_of(element, size);
  const long width = filled(tokens);
  struct backward_scratch s;
  divide_backward(&s, scratch, tokens, size, element);
  pack_transposed(s.keys, element, k, element, row, tokens, size, 0, tokens);
  pack_transposed(s.values, element, v, element, row, tokens, size, 0, tokens);
  pack_rows(s.key_rows, element, k, element, row, size, tokens, 0, words);
  float dvalues_scale = 1;
  begin_products();
  for (long first = 0; first < tokens; first += queries_per_block) {
    const long rows = tokens - first < queries_per_block ? tokens - first : queries_per_block;
    const long block = words_of(element, rows);
    const void *queries = row_of(q, element, first, row);
    const void *gradient = row_of(dcontext, element, first, out);
    struct product p = of_rows(element, queries, row, s.keys, rows, width, depth, finish_store, s.scores, width);
    multiply(&p);
    p = of_rows(element, gradient, out, s.values, rows, width, depth, finish_store, s.dscores, width);
    multiply(&p);
    dvalues_scale = backward_rows(s.probabilities, s.slopes, s.ds, s.scores, s.dscores, logsum, context, dcontext,
                                  attention, first, rows);
    p = of_rows(element, s.ds, width, s.key_rows, rows, size, words, finish_bias, row_in(dq, element, first, row), row);
    multiply(&p);
    const enum finish finish = first == 0 ? finish_store : finish_add;
    pack_rows(s.dcontext, element, gradient, element, out, size, rows, 0, block);
    p = of_panels(element, s.dcontext, s.probabilities, size, width, block, finish, s.dvalues, width);
    multiply(&p);
    pack_rows(s.queries, element, queries, element, row, size, rows, 0, block);
    p = of_panels(element, s.queries, s.slopes, size, width, block, finish, s.dkeys, width);
    multiply(&p);
  }
  end_products();
  stored_turned(dk, element, row, s.dkeys, width, 1, tokens, size);
  stored_turned(dv, element, row, s.dvalues, width, dvalues_scale, tokens, size);
}
