/// The hot loops of the engine: plain C in the caller's memory, no threads, no malloc, no globals.
///
/// (1) A function works on the rows (or elements, or columns) that it is given and on nothing else, so callers may cut
///     the work anywhere and run the parts at the same time.
/// (2) The same arguments give the same bits on the same machine, however the work was cut by rows.
///
/// Each is compiled for x86-64-v4, v3 and the plain instruction set, and the best is chosen when the program starts.
/// Letters: N tokens, H features, C columns. All matrices are row-major and dense unless a stride is given.
#pragma once
#include <stdint.h>

// MARK: Randomness

/// Philox4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC11).
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/// Which elements a dropout keeps: element e of a row is kept when the e-th 16-bit draw of the row's counters is not
/// below `threshold`. A row takes `dropout_counters(length)` counters from its position on. Nothing is stored: backward
/// draws the same numbers again.
struct dropout {
  uint32_t key[2];
  uint32_t purpose;
  uint64_t index;
  /// The share that is dropped, in 65536ths. 0 keeps everything.
  uint32_t threshold;
  /// What the kept elements are multiplied with.
  float scale;
};

/// How many counters a row of this length takes.
uint32_t dropout_counters(long length);

/// x [rows, H] *= mask, in place. Row r of this call takes its counters at (first_row + r) * dropout_counters(H).
void dropout_forward(float *x, const struct dropout *dropout, long first_row, long rows, long H);
/// dx [rows, H] *= the same mask, in place.
void dropout_backward(float *dx, const struct dropout *dropout, long first_row, long rows, long H);

// MARK: Bias and activation

/// y [rows, C] += bias [C]
void bias_forward(float *y, const float *bias, long rows, long C);
/// dbias [C] += the sum of the rows of dy [rows, C], for the columns from..<to
void bias_backward(float *dbias, const float *dy, long rows, long C, long from, long to);

enum activation { activation_gelu, activation_gelu_tanh, activation_relu };

/// x [rows, C] += bias [C]; y = f(x). `gelu` is the exact one, with erf.
void bias_activation_forward(float *y, float *x, const float *bias, enum activation f, long rows, long C);
/// dx = dy * f'(x); y = f(x) once more, so that it need not be kept. dx may be dy. All have `count` elements.
void bias_activation_backward(float *dx, float *y, const float *dy, const float *x, enum activation f, long count);

/// y = tanh(x), in place allowed
void tanh_forward(float *y, const float *x, long count);
/// dx = dy * (1 - y^2), from tanh's own result; dx may be dy
void tanh_backward(float *dx, const float *dy, const float *y, long count);

// MARK: Layer normalisation

/// y [rows, H] = (x - mean) * rstd * weight + bias; mean and rstd [rows] are kept for backward
void layernorm_forward(float *y, float *mean, float *rstd, const float *x, const float *weight, const float *bias,
                       float epsilon, long rows, long H);
/// dx [rows, H]; dweight [H] and dbias [H] are added to; dx may be dy
void layernorm_backward(float *dx, float *dweight, float *dbias, const float *dy, const float *x, const float *mean,
                        const float *rstd, const float *weight, long rows, long H);

/// x [rows, H] = dropout(x + dense_bias) + residual; y = layernorm(x). x, mean and rstd are kept for backward.
void residual_layernorm_forward(float *y, float *mean, float *rstd, float *x, const float *dense_bias,
                                const float *residual, const float *weight, const float *bias, float epsilon,
                                const struct dropout *dropout, long first_row, long rows, long H);
/// dresidual [rows, H] and ddense [rows, H] (before the dropout); dweight and dbias [H] of the normalisation are added
/// to. dresidual may be dy.
void residual_layernorm_backward(float *dresidual, float *ddense, float *dweight, float *dbias, const float *dy,
                                 const float *x, const float *mean, const float *rstd, const float *weight,
                                 const struct dropout *dropout, long first_row, long rows, long H);

// MARK: Attention

/// What softmax and dropout need for `rows` queries of one head against all `keys` of their sequence.
struct attention_rows {
  long rows, keys;
  /// Elements from one query's kept logarithm of the exponentials' sum to the next's.
  long logsum_stride;
  /// The counter of the first query's first dropout draw, and the counters from one query to the next.
  uint32_t position, position_stride;
};

/// scores [rows, keys], scaled products, become dropout(softmax(scores)); logsum is kept for backward
void attention_softmax_forward(float *scores, float *logsum, const struct attention_rows *shape,
                               const struct dropout *dropout);
/// scores [rows, keys], made once more, become dropout(softmax(scores)); dscores [rows, keys], which is
/// dout value^T, becomes the gradient of the unscaled products. out and dout [rows, D] are the head's result and its
/// gradient, stride elements from row to row.
void attention_softmax_backward(float *scores, float *dscores, const float *logsum, const float *out, const float *dout,
                                long D, long stride, float scale, const struct attention_rows *shape,
                                const struct dropout *dropout);

// MARK: Embeddings, pooling, loss

/// out [N, H] = word[ids] + type[segments] + position[positions]
void embedding_forward(float *out, const int32_t *ids, const int32_t *segments, const int32_t *positions,
                       const float *word, const float *type, const float *position, long N, long H);
/// dtable[indices[n]] += dout[n], for the columns from..<to of H, in the order of n
void embedding_backward(float *dtable, const int32_t *indices, const float *dout, long N, long H, long from, long to);

/// out [H] = the mean of x's rows [N, H]
void mean_forward(float *out, const float *x, long N, long H);
/// dx [N, H] = dout [H] / N in each row
void mean_backward(float *dx, const float *dout, long N, long H);

/// The sum of the rows' losses; dlogits [N, C] = (softmax - one-hot) * scale. Sums in double.
double cross_entropy(float *dlogits, const float *logits, const int32_t *labels, float scale, long N, long C);

// MARK: Optimiser

/// One step's constants, the same for all elements of a group.
struct adamw {
  float learning_rate, beta1, beta2, epsilon, weight_decay;
  /// 1 - beta^step, and its square root for the second moment
  float correction1, root_correction2;
  /// Multiplies the gradient first: clipping without a pass of its own.
  float gradient_scale;
};

/// value, first and second moment [count] take one step, as torch.optim.AdamW does.
void adamw_step(float *value, float *first, float *second, const float *gradient, const struct adamw *step, long count);

/// The sum of the squares.
double squared_norm(const float *x, long count);
