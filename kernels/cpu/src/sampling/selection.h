// Where to cut a set so that its largest members reach a count or a sum, in linear time: src/engine/selection.ts, step
// for step, so that both cut alike to the last bit.
#pragma once

#include <cstdint>

namespace aerie {

// Keep everything above `threshold` and the first `ties` of those equal to it.
struct Cut {
  double threshold;
  double ties;
};

// The cut that keeps the `count` largest of values[0, n); n ≥ count ≥ 1. Permutes `values`.
Cut cut_by_count(double* values, int64_t n, int64_t count);

// The cut that keeps the fewest largest of values[0, n), at least one, whose sum is at least `sum`; all of them where
// rounding leaves even the whole short of it. Values are not negative. Permutes `values`.
Cut cut_by_sum(double* values, int64_t n, double sum);

}  // namespace aerie
