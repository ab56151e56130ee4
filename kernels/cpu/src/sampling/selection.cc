#include "sampling/selection.h"

#include <cmath>
#include <limits>

namespace aerie {
namespace {

// As Math.min(Math.max(ties, 1), most): NaN stays NaN, and keeps none.
double bounded(double ties, double most) {
  if (ties < 1) return 1;
  return ties > most ? most : ties;
}

// A value weighs what it is when summing, and 1 when counting.
template <bool kSumming>
Cut cut(double* values, int64_t n, double target) {
  int64_t low = 0, high = n;
  double above = 0;  // weight of values already known to be kept
  double floor = -std::numeric_limits<double>::infinity();
  uint32_t random = 0x2545f491;
  while (low < high) {
    random = random * 1664525 + 1013904223;
    const double pivot = values[low + static_cast<int64_t>(random % static_cast<uint32_t>(high - low))];
    // [low, greater) above the pivot, [greater, i) equal to it, [less, high) below it
    int64_t greater = low, less = high;
    double greater_weight = 0;
    for (int64_t i = low; i < less;) {
      const double value = values[i];
      if (value > pivot) {
        values[i++] = values[greater];
        values[greater++] = value;
        greater_weight += kSumming ? value : 1;
      } else if (value < pivot) {
        values[i] = values[--less];
        values[less] = value;
      } else {
        ++i;
      }
    }
    const double equal = static_cast<double>(less - greater);
    const double each = kSumming ? pivot : 1;
    const double missing = target - above - greater_weight;
    if (missing <= 0 && greater > low) {
      high = greater;
      floor = pivot;
    } else if (missing <= equal * each) {
      return {pivot, bounded(each > 0 ? std::ceil(missing / each) : 1, equal)};
    } else {
      above += greater_weight + equal * each;
      low = less;
    }
  }
  return {floor, 0};
}

}  // namespace

Cut cut_by_count(double* values, int64_t n, int64_t count) { return cut<false>(values, n, static_cast<double>(count)); }

Cut cut_by_sum(double* values, int64_t n, double sum) { return cut<true>(values, n, sum); }

}  // namespace aerie
