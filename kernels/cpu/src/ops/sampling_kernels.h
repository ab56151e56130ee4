// What sampling goes through a whole vocabulary for.
#pragma once

#include <cstdint>

namespace aerie {

struct SamplingKernels {
  // The largest of `count` logits, −infinity where there is none above it. A NaN among them gives NaN.
  float (*largest)(int64_t count, const float* logits);
  // weights[i] = e^((values[i] − max) / temperature) for values up to max; returns their sum, added up in order. The
  // same doubles as JavaScript's Math.exp in V8 gives on every instruction set. `values` may be `weights`.
  double (*weigh)(int64_t count, const double* values, double max, double temperature, double* weights);
  // The sum of e^(logits[i] − max), as above.
  double (*sum_of_exponentials)(int64_t count, const float* logits, double max);
};

}  // namespace aerie
