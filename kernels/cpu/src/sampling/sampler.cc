#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "error.h"

namespace aerie {
namespace {

// Below this a temperature would only divide by almost zero; it means greedy, as in vLLM.
constexpr double kGreedyBelow = 1e-5;

bool changes_logits(const SampleArguments& a) {
  return a.repetition_penalty != 1 || a.presence_penalty != 0 || a.frequency_penalty != 0 || !a.biased.empty() ||
         !a.forbidden.empty();
}

// The id of the largest logit, the smallest such id on ties.
int64_t find_best(const SamplingKernels& kernels, const float* logits, int64_t vocab) {
  const float largest = kernels.largest(vocab, logits);
  if (largest != largest) {
    const float* nan = std::find_if(logits, logits + vocab, [](float logit) { return logit != logit; });
    throw RangeError("the decoder returned NaN for token " + std::to_string(nan - logits));
  }
  if (largest == -std::numeric_limits<float>::infinity()) {
    throw RangeError("every token has a logit of minus infinity");
  }
  return std::find(logits, logits + vocab, largest) - logits;
}

// The largest of logits of which some may be NaN: forbidden ones, which nobody looks at.
double largest_number(const SamplingKernels& kernels, const float* logits, int64_t vocab) {
  float largest = kernels.largest(vocab, logits);
  if (largest == largest) return largest;
  largest = -std::numeric_limits<float>::infinity();
  for (int64_t id = 0; id < vocab; ++id) largest = logits[id] > largest ? logits[id] : largest;
  return largest;
}

// Ids of the `count` largest finite logits, best first, ties by id: insertion into a short sorted list.
std::vector<int32_t> largest_ids(const float* logits, int64_t vocab, int64_t count) {
  std::vector<int32_t> ids;
  const size_t most = static_cast<size_t>(count);
  if (most == 0) return ids;
  ids.reserve(most + 1);
  for (int64_t id = 0; id < vocab; ++id) {
    const float logit = logits[id];
    if (logit == -std::numeric_limits<float>::infinity()) continue;
    if (ids.size() == most && logit <= logits[ids.back()]) continue;
    size_t place = ids.size();
    while (place > 0 && logits[ids[place - 1]] < logit) --place;
    ids.insert(ids.begin() + static_cast<std::ptrdiff_t>(place), static_cast<int32_t>(id));
    if (ids.size() > most) ids.pop_back();
  }
  return ids;
}

}  // namespace

Sampler::Sampler(int64_t vocab, const SamplingKernels& kernels)
    : kernels_(kernels),
      shaped_(static_cast<size_t>(vocab)),
      ids_(static_cast<size_t>(vocab)),
      weights_(static_cast<size_t>(vocab)),
      scratch_(static_cast<size_t>(vocab)) {}

Sample Sampler::sample(const float* logits, const SampleArguments& arguments) {
  const float* shaped = changes_logits(arguments) ? shape(logits, arguments) : logits;
  const int64_t best = find_best(kernels_, shaped, vocab());
  Sample sample;
  sample.id = arguments.temperature < kGreedyBelow ? best : draw(shaped, best, arguments);
  if (arguments.top_logprobs < 0) return sample;
  sample.max = shaped == logits ? logits[best] : largest_number(kernels_, logits, vocab());
  sample.sum = kernels_.sum_of_exponentials(vocab(), logits, sample.max);
  sample.top = largest_ids(logits, vocab(), arguments.top_logprobs);
  return sample;
}

void Sampler::expect_ids(std::span<const int32_t> ids, const char* name) const {
  for (const int32_t id : ids) {
    if (id >= 0 && id < vocab()) continue;
    throw RangeError(std::string(name) + " has id " + std::to_string(id) + ", the vocabulary has " +
                     std::to_string(vocab()));
  }
}

// Every step is rounded to a float, as an element of a Float32Array is.
const float* Sampler::shape(const float* logits, const SampleArguments& a) {
  expect_ids(a.repeated, "repeated");
  expect_ids(a.generated, "generated");
  expect_ids(a.biased, "biased");
  expect_ids(a.forbidden, "forbidden");
  std::copy(logits, logits + vocab(), shaped_.begin());
  const auto at = [&](int32_t id) -> float& { return shaped_[static_cast<size_t>(id)]; };
  if (a.repetition_penalty != 1) {
    for (const int32_t id : a.repeated) {
      const double logit = at(id);
      at(id) = static_cast<float>(logit > 0 ? logit / a.repetition_penalty : logit * a.repetition_penalty);
    }
  }
  if (a.presence_penalty != 0 || a.frequency_penalty != 0) {
    for (size_t i = 0; i < a.generated.size(); ++i) {
      const double penalty = a.counts[i] * a.frequency_penalty + a.presence_penalty;
      at(a.generated[i]) = static_cast<float>(at(a.generated[i]) - penalty);
    }
  }
  for (size_t i = 0; i < a.biased.size(); ++i) {
    at(a.biased[i]) = static_cast<float>(at(a.biased[i]) + a.biases[i]);
  }
  for (const int32_t id : a.forbidden) at(id) = -std::numeric_limits<float>::infinity();
  return shaped_.data();
}

int64_t Sampler::draw(const float* logits, int64_t best, const SampleArguments& a) {
  int64_t n = gather_candidates(logits, a.top_k);
  const int64_t weighed = n;
  double* const weights = weights_.data();
  double total = kernels_.weigh(n, weights, logits[best], a.temperature, weights);
  if (a.top_p < 1) {
    // What lies below this share sums to less than 1 − p, so the rest reaches p without it: a cheap first cut that
    // spares the exact one most of a large vocabulary.
    const double count = static_cast<double>(n);
    n = keep(n, {(1 - a.top_p) * total / count, count});
    std::copy(weights, weights + n, scratch_.begin());
    n = keep(n, cut_by_sum(scratch_.data(), n, a.top_p * total));
  }
  // The most probable token has weight exp(0) = 1, so min-p is a bound on the weight itself.
  if (a.min_p > 0) n = keep(n, {a.min_p, static_cast<double>(n)});

  // Inverse distribution function in the order of ids: unlike an order by probability, it does not turn around when
  // rounding swaps two near-equal tokens.
  if (n < weighed) {
    total = 0;
    for (int64_t i = 0; i < n; ++i) total += weights[i];
  }
  double rest = a.uniform * total;
  for (int64_t i = 0; i < n; ++i) {
    rest -= weights[i];
    if (rest < 0) return ids_[static_cast<size_t>(i)];
  }
  return best;  // rounding used up the whole interval
}

// Fills ids and weights (still logits) with the top-k candidates, or with all; returns how many.
int64_t Sampler::gather_candidates(const float* logits, int64_t top_k) {
  const int64_t limit = top_k > 0 ? top_k : vocab();
  const int64_t roomy = limit < vocab() / 2 ? std::min(2 * limit + 64, vocab()) : vocab();
  int32_t* const ids = ids_.data();
  double* const weights = weights_.data();
  int64_t n = 0;
  double threshold = -std::numeric_limits<double>::infinity();
  for (int64_t id = 0; id < vocab(); ++id) {
    // Once `limit` candidates are as good, a tie with a larger id has lost.
    if (logits[id] <= threshold) continue;
    ids[n] = static_cast<int32_t>(id);
    weights[n++] = logits[id];
    if (n == roomy && n > limit) {
      threshold = keep_largest(n, limit);
      n = limit;
    }
  }
  if (n > limit) {
    keep_largest(n, limit);
    n = limit;
  }
  return n;
}

// Keeps the `count` largest of the first n candidates and returns the smallest of them.
double Sampler::keep_largest(int64_t n, int64_t count) {
  std::copy(weights_.begin(), weights_.begin() + n, scratch_.begin());
  const Cut cut = cut_by_count(scratch_.data(), n, count);
  keep(n, cut);
  return cut.threshold;
}

// Drops the candidates below a cut, keeping the order of ids; returns how many are left.
int64_t Sampler::keep(int64_t n, Cut cut) {
  int32_t* const ids = ids_.data();
  double* const weights = weights_.data();
  int64_t kept = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double weight = weights[i];
    if (weight > cut.threshold || (weight == cut.threshold && cut.ties-- > 0)) {
      ids[kept] = ids[i];
      weights[kept++] = weight;
    }
  }
  return kept;
}

}  // namespace aerie
