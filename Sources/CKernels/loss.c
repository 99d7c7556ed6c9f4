#include "vector.h"

#include <math.h>

double cross_entropy(float *dlogits, const float *logits, const int32_t *labels, float scale, long N, long C) {
  double total = 0;
  for (long n = 0; n < N; n++) {
    const float *x = logits + n * C;
    float m = x[0];
    for (long c = 1; c < C; c++) m = x[c] > m ? x[c] : m;
    double sum = 0;
    for (long c = 0; c < C; c++) sum += exp((double)x[c] - (double)m);
    const double logsum = (double)m + log(sum);
    total += logsum - (double)x[labels[n]];
    for (long c = 0; c < C; c++) {
      const double p = exp((double)x[c] - logsum);
      dlogits[n * C + c] = (float)(p - (c == labels[n] ? 1.0 : 0.0)) * scale;
    }
  }
  return total;
}
