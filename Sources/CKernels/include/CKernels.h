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

/// For loops that wait for another thread: lets the processor rest a moment.
static inline void spin_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// From now on numbers below the normal ones, 1e-38, count as zero in this thread. Gives what was set before, for
/// `restore_subnormals`. Many processors take a hundred times as long for such a number as for any other.
static inline uint64_t flush_subnormals(void) {
#if defined(__x86_64__)
  const uint32_t before = __builtin_ia32_stmxcsr(), results_are_zero = 0x8000, operands_are_zero = 0x40;
  __builtin_ia32_ldmxcsr(before | results_are_zero | operands_are_zero);
  return before;
#elif defined(__aarch64__)
  uint64_t before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"(before | 1 << 24));
  return before;
#else
  return 0;
#endif
}

static inline void restore_subnormals(uint64_t before) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr((uint32_t)before);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
  (void)before;
#endif
}

/// The type of the numbers that layers keep and multiply. Sums, gradients of parameters and statistics are floats always.
enum element { element_fp32, element_bf16, element_int8 };

// MARK: Randomness

/// Philox4x32: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC11).
/// 10 rounds as published; dropout takes 7, the fewest that pass all tests of TestU01.
void philox4x32(int rounds, const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/// Which elements a dropout keeps: an element is kept when its 16-bit draw is not below `threshold`. A row takes `dropout_counters(length)` counters from its position on. Nothing is stored: backward
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

/// x [rows, H], elements, *= mask, in place. Row r of this call takes its counters at (first_row + r) *
/// dropout_counters(H).
void dropout_forward(void *x, enum element element, const struct dropout *dropout, long first_row, long rows, long H);
/// dx [rows, H], floats, *= the same mask, in place.
void dropout_backward(float *dx, const struct dropout *dropout, long first_row, long rows, long H);

// MARK: Products

enum activation { activation_gelu, activation_gelu_tanh, activation_relu };

/// What becomes of the sums of a product. "Element" is the product's own type; bfloat16 where that is int8.
enum finish {
  /// c, floats, = the sums
  finish_store,
  /// c, floats, += the sums
  finish_add,
  /// c, elements, = the sums, times `a_scale` of the row where there is one, + bias
  finish_bias,
  /// c, elements, = f(the sums + bias); `kept`, where it is not NULL, gets the sums + bias. `gelu` is the exact one, with erf.
  finish_activation,
  /// c, elements, = the sums * f'(kept); kept becomes f(kept)
  finish_slope,
};

enum { panel_columns = 32 };

/// c [rows, columns] = a [rows, K] b [K, columns]. The inner dimension is counted in words of 32 bits: one float, two
/// bfloat16 or four bytes that follow each other along K.
///
/// The right factor is packed into panels of 32 columns: word w of column j of panel p is b[(p * words + w) * 32 + j].
/// A last panel that is not full is filled up with zeros.
struct product {
  enum element element;
  enum finish finish;
  enum activation activation;
  /// Word w of row r is at a + r / 32 * a_panel + r % 32 * a_row + w * a_word bytes: the rows of a matrix (a_word is 4), or
  /// the columns of packed panels (a_row is 4, a_word 128), which can only be stored or added.
  const void *a;
  long a_row, a_word, a_panel;
  const int32_t *b;
  long rows, columns, words;
  void *c;
  /// Elements from one row of c, and of `kept`, to the next.
  long c_row;
  /// [columns], or NULL
  const float *bias;
  void *kept;
  /// With int8: what a row's bytes, less 128, and a column's bytes are multiplied with, and 128 times the sum of a column's
  /// bytes. `a_scale` [rows] is for finish_bias of other products, too; NULL there means 1.
  const float *a_scale, *b_scale;
  const int32_t *b_sum;
};

/// Sets of instructions, each with all that come before it. `dot` has an instruction for whole words: AVX512-BF16 for
/// bfloat16, AVX512-VNNI for int8; `amx` one for tiles of words.
enum instructions { instructions_plain, instructions_avx2, instructions_avx512, instructions_dot, instructions_amx };

/// What this CPU has.
enum instructions best_instructions(enum element element);

void multiply(const struct product *p);
/// `instructions` is at most what the CPU has.
void multiply_with(const struct product *p, enum instructions instructions);

// MARK: Packing

/// The bytes of panels for a right factor of so many columns and words.
long panels_size(long columns, long words);

/// Panels from a matrix whose rows are the right factor's columns: x [columns, depth], x_row elements from row to row.
/// Words w are along x's rows. `from` is the type of x; floats are rounded. Only the panels with columns in first..<last
/// are written; first is a multiple of 32. Depth is even for bfloat16.
void pack_transposed(int32_t *panels, enum element element, const void *x, enum element from, long x_row, long columns,
                     long depth, long first, long last);

/// Panels from a matrix whose rows are the inner dimension: x [depth, columns]. Only the words in first..<last are
/// written. A word beyond depth, where that is odd, gets a zero.
void pack_rows(int32_t *panels, enum element element, const void *x, enum element from, long x_row, long columns,
               long depth, long first, long last);

/// Panels of int8 from weights x [columns, depth]: scale [columns] is a column's largest magnitude over 127, sum [columns]
/// 128 times the sum of its bytes. Depth is a multiple of 4.
void pack_int8(int32_t *panels, float *scale, int32_t *sum, const float *x, long columns, long depth);

/// out [rows, H] = x / scale + 128, rounded; scale [rows] is a row's largest magnitude over 127.
void quantise_rows(uint8_t *out, float *scale, const void *x, enum element from, long rows, long H);

/// dbias [columns] += the sum over all words of packed dy
void bias_backward(float *dbias, enum element element, const int32_t *panels, long columns, long words);

/// y [rows, C] += bias [C]
void bias_forward(float *y, const float *bias, long rows, long C);

/// y = tanh(x), in place allowed
void tanh_forward(float *y, const float *x, long count);
/// dx = dy * (1 - y^2), from tanh's own result; dx may be dy
void tanh_backward(float *dx, const float *dy, const float *y, long count);

// MARK: Layer normalisation

/// y [rows, H] = normal * weight + bias, normal = (x - mean) * rstd; normal and rstd [rows] are kept for backward. x is
/// floats. y and normal are elements; normal may be NULL.
void layernorm_forward(void *y, void *normal, float *rstd, enum element element, const float *x, const float *weight,
                       const float *bias, float epsilon, long rows, long H);
/// dx [rows, H] from dy, floats; dweight [H] and dbias [H] are added to; dx may be dy
void layernorm_backward(float *dx, float *dweight, float *dbias, enum element element, const float *dy,
                        const void *normal, const float *rstd, const float *weight, long rows, long H);

/// x [rows, H], floats, becomes dropout(x + dense_bias) + residual, and y = layernorm(x). y, normal and residual are
/// elements; normal and rstd are kept for backward, or normal is NULL.
void residual_layernorm_forward(void *y, void *normal, float *rstd, enum element element, float *x,
                                const float *dense_bias, const void *residual, const float *weight, const float *bias,
                                float epsilon, const struct dropout *dropout, long first_row, long rows, long H);
/// gradient [rows, H], floats, of y becomes that of the residual; ddense [rows, H], elements, is that of x before dropout.
/// dweight and dbias [H] of the normalisation are added to.
void residual_layernorm_backward(float *gradient, void *ddense, float *dweight, float *dbias, enum element element,
                                 const void *normal, const float *rstd, const float *weight,
                                 const struct dropout *dropout, long first_row, long rows, long H);

// MARK: Attention

/// One head of one sequence: T tokens, D features of the head.
struct attention {
  enum element element;
  /// What the rows of scores may be computed with: at most what the CPU has.
  enum instructions instructions;
  long tokens, head_size;
  /// Elements from one token's queries, keys or values, and from one token's context, to the next's.
  long qkv_row, context_row;
  /// Multiplies the products of queries and keys.
  float scale;
  /// Elements from one query's kept logarithm of the exponentials' sum to the next's.
  long logsum_row;
  struct dropout dropout;
  /// The counter of the first query's first dropout draw, and the counters from one query to the next.
  uint32_t position, position_step;
};

/// The bytes of scratch that forward, and forward and backward, need.
long attention_forward_scratch(long tokens, long head_size, enum element element);
long attention_backward_scratch(long tokens, long head_size, enum element element);

/// context [T, D] = dropout(softmax(scale q k^T)) v; logsum [T] is kept for backward, or is NULL. D is even for bfloat16.
void attention_forward(const struct attention *attention, const void *q, const void *k, const void *v, float *logsum,
                       void *context, void *scratch);
/// dq, dk and dv [T, D] from dcontext [T, D] and what forward had and gave. The probabilities are made once more.
void attention_backward(const struct attention *attention, const void *q, const void *k, const void *v,
                        const float *logsum, const void *context, const void *dcontext, void *dq, void *dk, void *dv,
                        void *scratch);

// MARK: Embeddings, pooling, loss

/// out [N, H], floats, = word[ids] + type[segments] + position[positions]
void embedding_forward(float *out, const int32_t *ids, const int32_t *segments, const int32_t *positions,
                       const float *word, const float *type, const float *position, long N, long H);
/// dtable[indices[n]] += dout[n], for the columns from..<to of H, in the order of n
void embedding_backward(float *dtable, const int32_t *indices, const float *dout, long N, long H, long from, long to);

/// out [H] = the mean of x's rows [N, H], elements
void mean_forward(float *out, const void *x, enum element element, long N, long H);
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
/// The same where gradient and moments are zero.
void adamw_decay(float *value, const struct adamw *step, long count);

/// The sum of the squares.
double squared_norm(const float *x, long count);
