// The two matrix products of attention, tiled over registers. Every sum runs over one index in order, by fused
// multiply-adds, whatever the shape of the register tile: results do not depend on how rows are grouped.
#include "ops/attention_tile.h"

namespace aerie::AERIE_ISA_NS {
namespace {

// Rows and vectors of a register tile. Few rows take more columns, so that there are always enough sums for additions
// not to wait for each other.
#if defined(__AVX512F__)
constexpr int kRows = 12;
constexpr int panels_for(int rows) { return rows <= 2 ? 4 : rows <= 5 ? 2 : 1; }
constexpr int vectors_for(int rows) { return rows <= 2 ? 8 : rows <= 5 ? 4 : 2; }
#elif defined(__AVX2__)
constexpr int kRows = 6;
constexpr int panels_for(int rows) { return rows == 1 ? 4 : rows <= 3 ? 2 : 1; }
constexpr int vectors_for(int rows) { return rows == 1 ? 8 : rows <= 3 ? 4 : 2; }
#elif defined(__ARM_NEON)
constexpr int kRows = 5;
constexpr int panels_for(int rows) { return rows <= 2 ? 2 : 1; }
constexpr int vectors_for(int rows) { return rows <= 2 ? 8 : 4; }
#else
constexpr int kRows = 2;
constexpr int panels_for(int) { return 1; }
constexpr int vectors_for(int) { return 4; }
#endif
constexpr int kKeyVectors = kKeyPanel / kLanes;

template <int kR, int kPanels>
AERIE_INLINE void score_panels(int64_t head_dim, const float* q, const float* const* keys, float* scores) {
  F sums[kR][kPanels][kKeyVectors] = {};
  for (int64_t d = 0; d < head_dim; ++d) {
    F key[kPanels][kKeyVectors];
    for (int p = 0; p < kPanels; ++p) {
      for (int v = 0; v < kKeyVectors; ++v) key[p][v] = load(keys[p] + d * kKeyPanel + v * kLanes);
    }
    for (int r = 0; r < kR; ++r) {
      const F factor = splat(q[r * head_dim + d]);
      for (int p = 0; p < kPanels; ++p) {
        for (int v = 0; v < kKeyVectors; ++v) sums[r][p][v] = fma(factor, key[p][v], sums[r][p][v]);
      }
    }
  }
  for (int r = 0; r < kR; ++r) {
    for (int p = 0; p < kPanels; ++p) {
      for (int v = 0; v < kKeyVectors; ++v) store(scores + r * kTile + p * kKeyPanel + v * kLanes, sums[r][p][v]);
    }
  }
}

template <int kR>
void score_rows(int64_t head_dim, const float* q, const Tile& tile, float* scores) {
  constexpr int kPanels = panels_for(kR);
  int64_t panel = 0;
  for (; panel + kPanels <= tile.panels; panel += kPanels) {
    score_panels<kR, kPanels>(head_dim, q, tile.keys + panel, scores + panel * kKeyPanel);
  }
  for (; panel < tile.panels; ++panel) {
    score_panels<kR, 1>(head_dim, q, tile.keys + panel, scores + panel * kKeyPanel);
  }
}

template <int kR, int kVectors>
AERIE_INLINE void add_columns(int64_t width, const float* weights, const Tile& tile, int64_t first, int64_t last,
                              int64_t column, float* values) {
  F sums[kR][kVectors];
  for (int r = 0; r < kR; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = load(values + r * width + column + v * kLanes);
  }
  for (int64_t key = first; key < last;) {
    const int64_t panel_end = (key / kKeyPanel + 1) * kKeyPanel;
    const int64_t end = last < panel_end ? last : panel_end;
    const float* value = tile.values[key / kKeyPanel] + (key % kKeyPanel) * width + column;
    for (; key < end; ++key, value += width) {
      F part[kVectors];
      for (int v = 0; v < kVectors; ++v) part[v] = load(value + v * kLanes);
      for (int r = 0; r < kR; ++r) {
        const F weight = splat(weights[r * kTile + key]);
        for (int v = 0; v < kVectors; ++v) sums[r][v] = fma(weight, part[v], sums[r][v]);
      }
    }
  }
  for (int r = 0; r < kR; ++r) {
    for (int v = 0; v < kVectors; ++v) store(values + r * width + column + v * kLanes, sums[r][v]);
  }
}

// From `column` on, as many vectors at a time as fit, then half as many.
template <int kR, int kVectors>
AERIE_INLINE void add_from(int64_t width, const float* weights, const Tile& tile, int64_t first, int64_t last,
                           int64_t column, float* values) {
  for (; column + kVectors * kLanes <= width; column += kVectors * kLanes) {
    add_columns<kR, kVectors>(width, weights, tile, first, last, column, values);
  }
  if constexpr (kVectors > 1) add_from<kR, kVectors / 2>(width, weights, tile, first, last, column, values);
}

template <int kR>
void add_rows(int64_t width, const float* weights, const Tile& tile, int64_t first, int64_t last, float* values) {
  add_from<kR, vectors_for(kR)>(width, weights, tile, first, last, 0, values);
}

// Calls function.operator()<rows>().
template <int kR, typename Function>
AERIE_INLINE void with_rows(int64_t rows, Function function) {
  if constexpr (kR > 0) {
    if (rows == kR) return function.template operator()<kR>();
    with_rows<kR - 1>(rows, function);
  }
}

// Calls function.operator()<count>(first row): as few register tiles as can be, of sizes alike.
template <typename Function>
AERIE_INLINE void for_tiles(int64_t rows, Function function) {
  int64_t tiles = (rows + kRows - 1) / kRows;
  for (int64_t row = 0; row < rows; --tiles) {
    const int64_t count = (rows - row + tiles - 1) / tiles;
    with_rows<kRows>(count, [&]<int kR>() { function.template operator()<kR>(row); });
    row += count;
  }
}

}  // namespace

void score_tile(int64_t rows, int64_t head_dim, const float* q, const Tile& tile, float* scores) {
  for_tiles(rows,
            [&]<int kR>(int64_t row) { score_rows<kR>(head_dim, q + row * head_dim, tile, scores + row * kTile); });
}

void add_values(int64_t rows, int64_t width, const float* weights, const Tile& tile, int64_t first, int64_t last,
                float* values) {
  for_tiles(rows, [&]<int kR>(int64_t row) {
    add_rows<kR>(width, weights + row * kTile, tile, first, last, values + row * width);
  });
}

}  // namespace aerie::AERIE_ISA_NS
