// The two matrix products of attention, tiled over registers. Every sum runs over one index in order, by fused
// multiply-adds, whatever the shape of the register tile: results do not depend on how rows are grouped.
#include "ops/attention_tile.h"

namespace aerie::AERIE_ISA_NS {
namespace {

#if defined(__AVX512F__)
constexpr int kScoreRows = 12, kValueRows = 6, kValueVectors = 2;
#elif defined(__AVX2__)
constexpr int kScoreRows = 6, kValueRows = 6, kValueVectors = 2;
#elif defined(__ARM_NEON)
constexpr int kScoreRows = 4, kValueRows = 6, kValueVectors = 4;
#else
constexpr int kScoreRows = 2, kValueRows = 4, kValueVectors = 2;
#endif
constexpr int kKeyVectors = kKeyPanel / kLanes;

template <int kRows>
AERIE_INLINE void score_rows(int64_t head_dim, const float* q, const float* keys, float* scores) {
  F sums[kRows][kKeyVectors] = {};
  for (int64_t d = 0; d < head_dim; ++d) {
    F key[kKeyVectors];
    for (int v = 0; v < kKeyVectors; ++v) key[v] = load(keys + d * kKeyPanel + v * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const F factor = splat(q[r * head_dim + d]);
      for (int v = 0; v < kKeyVectors; ++v) sums[r][v] = fma(factor, key[v], sums[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kKeyVectors; ++v) store(scores + r * kTile + v * kLanes, sums[r][v]);
  }
}

// The rows that are left when no full register tile is.
template <int kRows>
void score_rest(int64_t rows, int64_t head_dim, const float* q, const float* keys, float* scores) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return score_rows<kRows>(head_dim, q, keys, scores);
    score_rest<kRows - 1>(rows, head_dim, q, keys, scores);
  }
}

template <int kRows, int kVectors>
AERIE_INLINE void add_columns(int64_t width, const float* weights, const Tile& tile, int64_t first, int64_t last,
                              int64_t column, float* values) {
  F sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = load(values + r * width + column + v * kLanes);
  }
  for (int64_t key = first; key < last;) {
    const int64_t panel_end = (key / kKeyPanel + 1) * kKeyPanel;
    const int64_t end = last < panel_end ? last : panel_end;
    const float* value = tile.values[key / kKeyPanel] + (key % kKeyPanel) * width + column;
    for (; key < end; ++key, value += width) {
      F part[kVectors];
      for (int v = 0; v < kVectors; ++v) part[v] = load(value + v * kLanes);
      for (int r = 0; r < kRows; ++r) {
        const F weight = splat(weights[r * kTile + key]);
        for (int v = 0; v < kVectors; ++v) sums[r][v] = fma(weight, part[v], sums[r][v]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(values + r * width + column + v * kLanes, sums[r][v]);
  }
}

template <int kRows>
void add_rows(int64_t width, const float* weights, const Tile& tile, int64_t first, int64_t last, float* values) {
  int64_t column = 0;
  for (; column + kValueVectors * kLanes <= width; column += kValueVectors * kLanes) {
    add_columns<kRows, kValueVectors>(width, weights, tile, first, last, column, values);
  }
  for (; column < width; column += kLanes) {
    add_columns<kRows, 1>(width, weights, tile, first, last, column, values);
  }
}

template <int kRows>
void add_rest(int64_t rows, int64_t width, const float* weights, const Tile& tile, int64_t first, int64_t last,
              float* values) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return add_rows<kRows>(width, weights, tile, first, last, values);
    add_rest<kRows - 1>(rows, width, weights, tile, first, last, values);
  }
}

}  // namespace

void score_tile(int64_t rows, int64_t head_dim, const float* q, const Tile& tile, float* scores) {
  int64_t row = 0;
  for (; row + kScoreRows <= rows; row += kScoreRows) {
    for (int64_t panel = 0; panel < tile.panels; ++panel) {
      score_rows<kScoreRows>(head_dim, q + row * head_dim, tile.keys[panel], scores + row * kTile + panel * kKeyPanel);
    }
  }
  for (int64_t panel = 0; row < rows && panel < tile.panels; ++panel) {
    score_rest<kScoreRows - 1>(rows - row, head_dim, q + row * head_dim, tile.keys[panel],
                               scores + row * kTile + panel * kKeyPanel);
  }
}

void add_values(int64_t rows, int64_t width, const float* weights, const Tile& tile, int64_t first, int64_t last,
                float* values) {
  int64_t row = 0;
  for (; row + kValueRows <= rows; row += kValueRows) {
    add_rows<kValueRows>(width, weights + row * kTile, tile, first, last, values + row * width);
  }
  if (row < rows) {
    add_rest<kValueRows - 1>(rows - row, width, weights + row * kTile, tile, first, last, values + row * width);
  }
}

}  // namespace aerie::AERIE_ISA_NS
