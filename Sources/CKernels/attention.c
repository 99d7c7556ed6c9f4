// Vaswani et al., "Attention is all you need" (2017). Backward needs no stored probabilities: they come again from the
// scores and one number per query, as in Dao et al., "FlashAttention" (2022).
#include "vector.h"

#include <math.h>

// Sums over the keys may be taken in any order.
#pragma clang fp reassociate(on)

enum { lanes = 16, queries_per_block = 32 };

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

// MARK: - Rows of scores

/// p [rows, p_row], elements, = dropout(exp(scale * scores - the row's largest)); share [rows] is 1 over the exponentials'
/// sum, logsum its logarithm.
INLINE void softmax(void *p, long p_row, float *share, float *logsum, const float *scores, enum element element,
                    const struct attention *attention, long first, long rows) {
  float mask[draw_block];
  const long keys = attention->tokens;
  for (long r = 0; r < rows; r++) {
    const float *s = scores + r * keys;
    void *pr = row_in(p, element, r, p_row);
    const float scale = attention->scale;
    const float m = largest(s, keys) * scale;
    float sum = 0;
    if (attention->dropout.threshold == 0) {
      for (long k = 0; k < keys; k++) {
        const float e = exp_of(s[k] * scale - m);
        sum += e;
        store(pr, element, k, e);
      }
    } else {
      uint32_t position = attention->position + (uint32_t)(first + r) * attention->position_step;
      for (long k = 0; k < keys; k += draw_block, position += draw_counters) {
        dropout_block(mask, &attention->dropout, position);
        const long width = keys - k < draw_block ? keys - k : draw_block;
        for (long e = 0; e < width; e++) {
          const float x = exp_of(s[k + e] * scale - m);
          sum += x;
          store(pr, element, k + e, x * mask[e]);
        }
      }
    }
    for (long k = keys; k < p_row; k++) store(pr, element, k, 0);
    share[r] = 1.0f / sum;
    if (logsum) logsum[(first + r) * attention->logsum_row] = m + logf(sum);
  }
}

KERNEL static void softmax_forward(void *p, long p_row, float *share, float *logsum, const float *scores,
                                   const struct attention *attention, long first, long rows) {
#define SOFTMAX(e) softmax(p, p_row, share, logsum, scores, e, attention, first, rows)
  FOR_ELEMENT(attention->element, SOFTMAX);
}

/// scores [rows, keys] become dropout(softmax(scores)); dscores [rows, keys], which are dout value^T, become the gradient of
/// the products of queries and keys, and ds [rows, ds_row], elements, the same.
INLINE void softmax_slope(void *ds, long ds_row, float *scores, float *dscores, const float *logsum, const void *out,
                          const void *dout, enum element element, const struct attention *attention, long first,
                          long rows) {
  float mask[draw_block];
  const long keys = attention->tokens;
  const float scale = attention->scale;
  for (long r = 0; r < rows; r++) {
    float *s = scores + r * keys;
    float *d = dscores + r * keys;
    void *dsr = row_in(ds, element, r, ds_row);
    // The sum over the keys of probability times gradient equals out . dout, dropout included.
    const void *o = row_of(out, element, first + r, attention->context_row);
    const void *g = row_of(dout, element, first + r, attention->context_row);
    float mean = 0;
    for (long h = 0; h < attention->head_size; h++) mean += load(o, element, h) * load(g, element, h);
    const float log = logsum[(first + r) * attention->logsum_row];
    if (attention->dropout.threshold == 0) {
      IN_PLACE
      for (long k = 0; k < keys; k++) {
        const float p = exp_of(s[k] * scale - log);
        s[k] = p;
        const float slope = p * (d[k] - mean) * scale;
        d[k] = slope;
        store(dsr, element, k, slope);
      }
    } else {
      uint32_t position = attention->position + (uint32_t)(first + r) * attention->position_step;
      for (long k = 0; k < keys; k += draw_block, position += draw_counters) {
        dropout_block(mask, &attention->dropout, position);
        const long width = keys - k < draw_block ? keys - k : draw_block;
        IN_PLACE
        for (long e = 0; e < width; e++) {
          const float p = exp_of(s[k + e] * scale - log);
          s[k + e] = p * mask[e];
          const float slope = p * (mask[e] * d[k + e] - mean) * scale;
          d[k + e] = slope;
          store(dsr, element, k + e, slope);
        }
      }
    }
    for (long k = keys; k < ds_row; k++) store(dsr, element, k, 0);
  }
}

KERNEL static void softmax_backward(void *ds, long ds_row, float *scores, float *dscores, const float *logsum,
                                    const void *out, const void *dout, const struct attention *attention, long first,
                                    long rows) {
#define SLOPE(e) softmax_slope(ds, ds_row, scores, dscores, logsum, out, dout, e, attention, first, rows)
  FOR_ELEMENT(attention->element, SLOPE);
}

KERNEL static void stored(void *out, long out_row, const float *x, enum element element, long rows, long columns) {
#define STORED(e)                                                                                                     \
  for (long r = 0; r < rows; r++)                                                                                     \
    for (long c = 0; c < columns; c++) store(row_in(out, e, r, out_row), e, c, x[r * columns + c])
  FOR_ELEMENT(element, STORED);
}

// MARK: - Scratch

static long bytes_of(enum element element) { return element == element_bf16 ? 2 : 4; }

static long words_of(enum element element, long count) { return element == element_bf16 ? (count + 1) / 2 : count; }

/// Takes `bytes` from the front of scratch, whole cache lines.
static void *take(char **scratch, long bytes) {
  void *taken = *scratch;
  *scratch += (bytes + 63) / 64 * 64;
  return taken;
}

struct forward_scratch {
  int32_t *keys, *values;
  float *scores, *share;
  void *probabilities;
};

static long divide_forward(struct forward_scratch *s, char *scratch, long tokens, long head_size,
                           enum element element) {
  char *at = scratch;
  const long words = words_of(element, tokens);
  s->keys = take(&at, panels_size(tokens, words_of(element, head_size)));
  s->values = take(&at, panels_size(head_size, words));
  s->scores = take(&at, queries_per_block * tokens * 4);
  s->share = take(&at, queries_per_block * 4);
  s->probabilities = take(&at, queries_per_block * words * 4);
  return at - scratch;
}

struct backward_scratch {
  int32_t *keys, *values, *key_rows, *queries, *dcontext, *probabilities, *slopes;
  float *scores, *dscores, *dkeys, *dvalues;
  void *ds;
};

static long divide_backward(struct backward_scratch *s, char *scratch, long tokens, long head_size,
                            enum element element) {
  char *at = scratch;
  const long words = words_of(element, tokens);
  const long block = words_of(element, queries_per_block);
  s->keys = take(&at, panels_size(tokens, words_of(element, head_size)));
  s->values = take(&at, panels_size(tokens, words_of(element, head_size)));
  s->key_rows = take(&at, panels_size(head_size, words));
  s->queries = take(&at, panels_size(head_size, block));
  s->dcontext = take(&at, panels_size(head_size, block));
  s->probabilities = take(&at, panels_size(tokens, block));
  s->slopes = take(&at, panels_size(tokens, block));
  s->scores = take(&at, queries_per_block * tokens * 4);
  s->dscores = take(&at, queries_per_block * tokens * 4);
  s->dkeys = take(&at, tokens * head_size * 4);
  s->dvalues = take(&at, tokens * head_size * 4);
  s->ds = take(&at, queries_per_block * words * 4);
  return at - scratch;
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
  const long p_row = words * 4 / bytes_of(element);
  struct forward_scratch s;
  divide_forward(&s, scratch, tokens, size, element);
  pack_transposed(s.keys, element, k, element, row, tokens, size, 0, tokens);
  pack_rows(s.values, element, v, element, row, size, tokens, 0, words);
  for (long first = 0; first < tokens; first += queries_per_block) {
    const long rows = tokens - first < queries_per_block ? tokens - first : queries_per_block;
    struct product p = of_rows(element, row_of(q, element, first, row), row, s.keys, rows, tokens, depth, finish_store,
                               s.scores, tokens);
    multiply(&p);
    softmax_forward(s.probabilities, p_row, s.share, logsum, s.scores, attention, first, rows);
    p = of_rows(element, s.probabilities, p_row, s.values, rows, size, words, finish_bias,
                row_in(context, element, first, attention->context_row), attention->context_row);
    p.a_scale = s.share;
    multiply(&p);
  }
}

void attention_backward(const struct attention *attention, const void *q, const void *k, const void *v,
                        const float *logsum, const void *context, const void *dcontext, void *dq, void *dk, void *dv,
                        void *scratch) {
  const enum element element = attention->element;
  const long tokens = attention->tokens, size = attention->head_size, row = attention->qkv_row;
  const long out = attention->context_row;
  const long words = words_of(element, tokens), depth = words_of(element, size);
  const long ds_row = words * 4 / bytes_of(element);
  struct backward_scratch s;
  divide_backward(&s, scratch, tokens, size, element);
  pack_transposed(s.keys, element, k, element, row, tokens, size, 0, tokens);
  pack_transposed(s.values, element, v, element, row, tokens, size, 0, tokens);
  pack_rows(s.key_rows, element, k, element, row, size, tokens, 0, words);
  for (long first = 0; first < tokens; first += queries_per_block) {
    const long rows = tokens - first < queries_per_block ? tokens - first : queries_per_block;
    const long block = words_of(element, rows);
    const void *queries = row_of(q, element, first, row);
    const void *gradient = row_of(dcontext, element, first, out);
    struct product p = of_rows(element, queries, row, s.keys, rows, tokens, depth, finish_store, s.scores, tokens);
    multiply(&p);
    p = of_rows(element, gradient, out, s.values, rows, tokens, depth, finish_store, s.dscores, tokens);
    multiply(&p);
    softmax_backward(s.ds, ds_row, s.scores, s.dscores, logsum, context, dcontext, attention, first, rows);
    p = of_rows(element, s.ds, ds_row, s.key_rows, rows, size, words, finish_bias, row_in(dq, element, first, row), row);
    multiply(&p);
    const enum finish finish = first == 0 ? finish_store : finish_add;
    pack_rows(s.probabilities, element, s.scores, element_fp32, tokens, tokens, rows, 0, block);
    pack_rows(s.dcontext, element, gradient, element, out, size, rows, 0, block);
    p = of_panels(element, s.probabilities, s.dcontext, tokens, size, block, finish, s.dvalues, size);
    multiply(&p);
    pack_rows(s.slopes, element, s.dscores, element_fp32, tokens, tokens, rows, 0, block);
    pack_rows(s.queries, element, queries, element, row, size, rows, 0, block);
    p = of_panels(element, s.slopes, s.queries, tokens, size, block, finish, s.dkeys, size);
    multiply(&p);
  }
  stored(dk, row, s.dkeys, element, tokens, size);
  stored(dv, row, s.dvalues, element, tokens, size);
}
