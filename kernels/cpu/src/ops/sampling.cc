#include "ops/sampling.h"

#include "ops/exact_exp.h"

namespace aerie::AERIE_ISA_NS {
namespace {

// Adds lanes one after the other: the order of a loop over single numbers.
AERIE_INLINE double added(double total, D v, int64_t count) {
  for (int i = 0; i < count; ++i) total += v[i];
  return total;
}

// Calls visit(i, e^x) for each vector of x = load_at(i, n), n of its lanes; returns the sum.
template <typename LoadAt, typename Visit>
AERIE_INLINE double sum_exp(int64_t count, LoadAt load_at, Visit visit) {
  double total = 0;
  int64_t i = 0;
  for (; i + kDoubles <= count; i += kDoubles) {
    const D e = exact_exp(load_at(i, kDoubles));
    visit(i, kDoubles, e);
    total = added(total, e, kDoubles);
  }
  if (i < count) {
    const D e = exact_exp(load_at(i, count - i));
    visit(i, count - i, e);
    total = added(total, e, count - i);
  }
  return total;
}

}  // namespace

float largest_logit(int64_t count, const float* logits) {
  F largest = splat(-__builtin_inff());
  I is_nan = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const F v = load(logits + i);
    largest = max(v, largest);
    is_nan |= (I)(v != v);
  }
  float result = reduce_max(largest);
  bool has_nan = false;
  for (int lane = 0; lane < kLanes; ++lane) has_nan |= is_nan[lane] != 0;
  for (; i < count; ++i) {
    result = logits[i] > result ? logits[i] : result;
    has_nan |= logits[i] != logits[i];
  }
  return has_nan ? __builtin_nanf("") : result;
}

double weigh(int64_t count, const double* values, double max, double temperature, double* weights) {
  return sum_exp(
      count,
      [&](int64_t i, int64_t n) {
        if (n == kDoubles) return (load(values + i) - max) / temperature;
        D v = {};
        for (int64_t lane = 0; lane < n; ++lane) v[static_cast<int>(lane)] = values[i + lane];
        return (v - max) / temperature;
      },
      [&](int64_t i, int64_t n, D e) {
        if (n == kDoubles) return store(weights + i, e);
        for (int64_t lane = 0; lane < n; ++lane) weights[i + lane] = e[static_cast<int>(lane)];
      });
}

double sum_of_exponentials(int64_t count, const float* logits, double max) {
  return sum_exp(
      count,
      [&](int64_t i, int64_t n) {
        if (n == kDoubles) return widened(logits + i) - max;
        D v = {};
        for (int64_t lane = 0; lane < n; ++lane) v[static_cast<int>(lane)] = logits[i + lane];
        return v - max;
      },
      [](int64_t, int64_t, D) {});
}

}  // namespace aerie::AERIE_ISA_NS
