#include "ops/attention.h"

#include "ops/attention_tile.h"
#include "ops/vector_math.h"

namespace aerie::AERIE_ISA_NS {
namespace {

// Up to here waiting for memory takes longer than computing.
constexpr int64_t kFewRows = 16;

// The part of a tile that a row sees, in keys of the tile.
struct Span {
  int32_t first;
  int32_t last;
};

Span span_of(const Visible& visible, const Tile& tile) {
  const int64_t keys = tile.panels * kKeyPanel;
  const int64_t first = visible.first - tile.start, last = visible.last - tile.start;
  return {static_cast<int32_t>(first > 0 ? first : 0), static_cast<int32_t>(last < keys ? last : keys)};
}

// What the products are not yet: scaled, capped.
void finish_scores(const AttentionArguments& a, const Tile& tile, float* scores) {
  for (int64_t i = 0; i < tile.panels * kKeyPanel; i += kLanes) {
    F v = load(scores + i) * a.scale;
    if (a.kv.type == KvType::kInt8) v = v * load(tile.key_scales + i);
    if (a.soft_cap > 0) v = a.soft_cap * tanh(v / a.soft_cap);
    store(scores + i, v);
  }
}

AERIE_INLINE I inside(const Span& span, int64_t from) {
  const I place = iota() + static_cast<int32_t>(from);
  return (place >= span.first) & (place < span.last);
}

template <bool kIsWhole>
AERIE_INLINE float largest_of(const Span& span, const float* scores, int64_t keys) {
  F largest = splat(kNothingSeen);
  for (int64_t i = 0; i < keys; i += kLanes) {
    const F v = load(scores + i);
    largest = max(kIsWhole ? v : select(inside(span, i), v, splat(kNothingSeen)), largest);
  }
  return reduce_max(largest);
}

// Scores become 2^(factor · score − maximum); returns their sum.
template <bool kIsWhole>
AERIE_INLINE float weigh(const Span& span, float factor, float maximum, float* scores, int64_t keys) {
  F total{};
  for (int64_t i = 0; i < keys; i += kLanes) {
    F weight = exp2_of_small(fma(load(scores + i), splat(factor), splat(-maximum)));
    if (!kIsWhole) weight = (F)((I)weight & inside(span, i));
    total = total + weight;
    store(scores + i, weight);
  }
  return reduce_add(total);
}

// Scores of one tile become weights in place, and the running results are brought to the new maximum.
void soften(const AttentionArguments& a, const Tile& tile, float* scores, const AttentionState& state) {
  const bool is_int8 = a.kv.type == KvType::kInt8;
  const bool is_finished = !is_int8 && a.soft_cap <= 0 && a.scale > 0;
  const float factor = is_finished ? a.scale * kLog2E : kLog2E;
  const int64_t width = a.kv.value_width;
  const int64_t keys = tile.panels * kKeyPanel;
  for (int64_t row = 0; row < a.rows; ++row, scores += kTile) {
    const Span span = span_of(a.visible[row], tile);
    if (span.first >= span.last) {
      for (int64_t i = 0; i < keys; i += kLanes) store(scores + i, F{});
      continue;
    }
    if (!is_finished) finish_scores(a, tile, scores);
    const bool is_whole = span.first == 0 && span.last == keys;
    const float tallest =
        factor * (is_whole ? largest_of<true>(span, scores, keys) : largest_of<false>(span, scores, keys));
    const float before = state.maxima[row];
    const float now = tallest > before ? tallest : before;
    const float sum =
        is_whole ? weigh<true>(span, factor, now, scores, keys) : weigh<false>(span, factor, now, scores, keys);
    if (is_int8) {
      for (int64_t i = 0; i < keys; i += kLanes) store(scores + i, load(scores + i) * load(tile.value_scales + i));
    }
    if (now > before) {
      const F lower = exp2_of_small(splat(before - now));
      state.maxima[row] = now;
      state.sums[row] *= lower[0];
      float* values = state.values + row * width;
      for (int64_t i = 0; i < width; i += kLanes) store(values + i, load(values + i) * lower);
    }
    state.sums[row] += sum;
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
    const int64_t after = end - start - keys;
    if (after > 0 && a.rows <= kFewRows) {
      prefetch_tile(a.kv, a.table, start + kTile, after < kTile ? after : kTile);
    }
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
    const F old_factor = exp2_of_small(splat(total.maxima[row] - now));
    const F new_factor = exp2_of_small(splat(part.maxima[row] - now));
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
