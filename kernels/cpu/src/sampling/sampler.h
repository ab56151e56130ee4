// Logits → one token, as src/engine/sampler.ts does it and with the same doubles: penalties and bias, temperature,
// top-k, top-p, min-p, then a draw.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/op_kernels.h"
#include "sampling/selection.h"

namespace aerie {

// What src/engine/types.ts and src/engine/logits-processor.ts say of each.
struct SampleArguments {
  double temperature = 0;
  int64_t top_k = 0;
  double top_p = 1;
  double min_p = 0;
  // In [0, 1).
  double uniform = 0;

  double repetition_penalty = 1;
  // Ids that it concerns, each once.
  std::span<const int32_t> repeated;
  double presence_penalty = 0;
  double frequency_penalty = 0;
  // Ids of the answer, each once, and how often each was generated.
  std::span<const int32_t> generated;
  std::span<const int32_t> counts;
  std::span<const int32_t> biased;
  std::span<const double> biases;
  std::span<const int32_t> forbidden;

  // Ids wanted with their log probabilities; −1: no log probabilities.
  int64_t top_logprobs = -1;
};

struct Sample {
  int64_t id = 0;
  // With log probabilities, that of an id is its logit − (max + ln(sum)): of the logits as they came.
  double max = 0;
  double sum = 0;
  std::vector<int32_t> top;
};

class Sampler {
 public:
  // Throws OutOfMemory.
  Sampler(int64_t vocab, const SamplingKernels& kernels);

  int64_t vocab() const { return static_cast<int64_t>(shaped_.size()); }
  // `logits` [vocab] are left as they are. Throws RangeError when they hold NaN, when no token is possible, and for ids
  // outside the vocabulary.
  Sample sample(const float* logits, const SampleArguments& arguments);

 private:
  const float* shape(const float* logits, const SampleArguments& arguments);
  void expect_ids(std::span<const int32_t> ids, const char* name) const;
  int64_t draw(const float* logits, int64_t best, const SampleArguments& arguments);
  int64_t gather_candidates(const float* logits, int64_t top_k);
  double keep_largest(int64_t n, int64_t count);
  int64_t keep(int64_t n, Cut cut);

  const SamplingKernels& kernels_;
  std::vector<float> shaped_;
  std::vector<int32_t> ids_;
  std::vector<double> weights_;
  std::vector<double> scratch_;
};

}  // namespace aerie
