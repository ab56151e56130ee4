#include "ops/attention.h"

#include "ops/attention_tile.h"
#include "ops/vector_math.h"

namespace aerie::AERIE_ISA_NS {
namespace {

// Scores of one tile become weights in place, and the running results are brought to the new maximum.
void soften(const AttentionArguments& a, const Tile& tile, float* scores, const AttentionState& state) {
  const bool is_int8 = a.kv.type == KvType::kInt8;
  const int64_t width = a.kv.value_width;
  const int64_t used = tile.panels * kKeyPanel;
  const I lane = iota();
  for (int64_t row = 0; row < a.rows; ++row) {
    float* s = scores + row * kTile;
    const int32_t first = static_cast<int32_t>(a.visible[row].first > tile.start ? a.visible[row].first - tile.start : 0);
    const int64_t to = a.visible[row].last - tile.start;
    const int32_t last = static_cast<int32_t>(to < used ? (to < 0 ? 0 : to) : used);
    if (first >= last) {
      for (int64_t i = 0; i < used; i += kLanes) store(s + i, F{});
      continue;
    }
    F largest = splat(kNothingSeen);
    for (int64_t i = 0; i < used; i += kLanes) {
      F v = load(s + i) * a.scale;
      if (is_int8) v = v * load(tile.key_scales + i);
      if (a.soft_cap > 0) v = a.soft_cap * tanh(v / a.soft_cap);
      const I place = lane + static_cast<int32_t>(i);
      v = select((place >= first) & (place < last), v, splat(kNothingSeen));
      largest = max(v, largest);
      store(s + i, v);
    }
    const float before = state.maxima[row];
    const float tallest = reduce_max(largest);
    const float now = tallest > before ? tallest : before;
    F total{};
    for (int64_t i = 0; i < used; i += kLanes) {
      const F v = load(s + i);
      const I place = lane + static_cast<int32_t>(i);
      F weight = exp(v - now);
      weight = (F)((I)weight & (place >= first) & (place < last));
      total = total + weight;
      if (is_int8) weight = weight * load(tile.value_scales + i);
      store(s + i, weight);
    }
    if (now > before) {
      const F factor = exp(splat(before - now));
      state.maxima[row] = now;
      state.sums[row] *= factor[0];
      float* values = state.values + row * width;
      for (int64_t i = 0; i < width; i += kLanes) store(values + i, load(values + i) * factor);
    }
    state.sums[row] += reduce_add(total);
  }
}

Visible seen_by_any(const AttentionArguments& a) {
  Visible all = a.visible[0];
  for (int64_t row = 1; row < a.rows; ++row) {
    if (a.visible[row].first < all.first) all.first = a.visible[row].first;
    if (a.visible[row].last > all.last) all.last = a.visible[row].last;
  }
  return all;
}

}  // namespace

void attend_partition(const AttentionArguments& a, int64_t partition, const AttentionState& state) {
  const int64_t width = a.kv.value_width;
  for (int64_t row = 0; row < a.rows; ++row) {
    state.maxima[row] = kNothingSeen;
    state.sums[row] = 0;
  }
  for (int64_t i = 0; i < a.rows * width; i += kLanes) store(state.values + i, F{});
  const Visible seen = seen_by_any(a);
  const int64_t begin = partition * kPartition;
  const int64_t end = seen.last < begin + kPartition ? seen.last : begin + kPartition;
  int64_t start = begin;
  if (seen.first > begin) start = seen.first / kTile * kTile;

  alignas(64) float scores[kMaxRows * kTile];
  alignas(64) TileMemory memory;
  for (; start < end; start += kTile) {
    const int64_t keys = end - start < kTile ? end - start : kTile;
    const int64_t skipped = seen.first > start ? seen.first - start : 0;
    const Tile tile = load_tile(a.kv, a.table, start, keys, memory);
    score_tile(a.rows, a.kv.head_dim, a.q, tile, scores);
    soften(a, tile, scores, state);
    // Keys that no row sees are left out: what lies there may not be numbers.
    add_values(a.rows, width, scores, tile, skipped, keys, state.values);
  }
}

void join_partitions(int64_t rows, int64_t width, const AttentionState& total, const AttentionState& part) {
  for (int64_t row = 0; row < rows; ++row) {
    const float now = total.maxima[row] > part.maxima[row] ? total.maxima[row] : part.maxima[row];
    const F old_factor = exp(splat(total.maxima[row] - now));
    const F new_factor = exp(splat(part.maxima[row] - now));
    total.maxima[row] = now;
    total.sums[row] = total.sums[row] * old_factor[0] + part.sums[row] * new_factor[0];
    float* sum = total.values + row * width;
    const float* added = part.values + row * width;
    for (int64_t i = 0; i < width; i += kLanes) {
      store(sum + i, fma(load(added + i), new_factor, load(sum + i) * old_factor));
    }
  }
}

}  // namespace aerie::AERIE_ISA_NS
