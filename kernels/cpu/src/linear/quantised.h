// Products of quantised rows with int8 and int4 weights, whatever computes the tiles:
//
//   Tiles::kInt8Rows, kInt4Rows     most rows of a tile
//   Tiles::int8<rows, narrow>(a, stride, w, quads, sums)   sums [rows][16] += a · w; both as they are stored
//   Tiles::int4<rows>(a, stride, w, quads, sums)           the same of one group
#pragma once

#include "linear/dense.h"

namespace aerie::AERIE_ISA_NS {

// Quads of int8 weights in the first cache: 16 KiB.
constexpr int64_t kInt8Quads = 256;
// Groups whose scales are made ready at once.
constexpr int64_t kGroupBlock = 32;
constexpr int64_t kBlockRows = 96;

// Rows whose activations fit half of the second cache.
AERIE_INLINE int64_t block_rows(const QuantisedView& a) {
  const int64_t fitting = (int64_t{1} << 19) / a.stride / 12 * 12;
  return fitting < 24 ? 24 : fitting > kBlockRows ? kBlockRows : fitting;
}

static void finish_quantised(const LinearTask& task, int64_t row, int64_t rows, int64_t panel, float* tile) {
  if (task.low_rank != nullptr) add_low_rank(task, row, rows, panel, tile);
  finish_tile(task, task.weight->out, row, rows, panel, tile);
}

// f(first row, count) for the blocks of a task's rows.
template <typename F>
AERIE_INLINE void for_row_blocks(const LinearTask& task, F&& f) {
  const int64_t most = block_rows(*task.quantised);
  for (int64_t row = task.row_begin; row < task.row_end; row += most) {
    f(row, task.row_end - row < most ? task.row_end - row : most);
  }
}

template <class Tiles, bool kNarrow>
static void int8_by_row(const LinearTask& task) {
  const PackedLinear& weight = *task.weight;
  const QuantisedView& a = *task.quantised;
  for_row_blocks(task, [&](int64_t row, int64_t rows) {
    for (int64_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
      alignas(64) int32_t sums[kBlockRows * kPanel];
      alignas(64) float tile[kBlockRows * kPanel];
      std::memset(sums, 0, static_cast<size_t>(rows * kPanel) * sizeof(int32_t));
      const uint8_t* const w = weight.values + panel * weight.quads * kPanel * 4;
      for (int64_t quad = 0; quad < weight.quads; quad += kInt8Quads) {
        const int64_t quads = weight.quads - quad < kInt8Quads ? weight.quads - quad : kInt8Quads;
        for (int64_t r = 0; r < rows; r += Tiles::kInt8Rows) {
          with_rows<Tiles::kInt8Rows>(rows - r, [&](auto n) {
            Tiles::template int8<decltype(n)::value, kNarrow>(a.values + (row + r) * a.stride + quad * 4, a.stride,
                                                              w + quad * kPanel * 4, quads, sums + r * kPanel);
          });
        }
      }
      float scales[kPanel];
      int32_t zeros[kPanel];
      load_group_numbers(weight, panel, 0, 1, scales, zeros);
      std::memset(tile, 0, static_cast<size_t>(rows * kPanel) * sizeof(float));
      for (int64_t r = 0; r < rows; ++r) {
        add_group<1>(sums + r * kPanel, zeros, scales, a.sums + row + r, a.scales + row + r, 1, tile + r * kPanel);
      }
      finish_quantised(task, row, rows, panel, tile);
    }
  });
}

// f(rows of the tile as a constant, its first row, the panel's groups from which on, how many, scales, zeros, tile)
// for all tiles and blocks of groups of a panel.
template <int kTileRows, typename F>
AERIE_INLINE void for_groups(const LinearTask& task, int64_t row, int64_t rows, int64_t panel, F&& f) {
  const PackedLinear& weight = *task.weight;
  alignas(64) float tile[kBlockRows * kPanel];
  alignas(64) float scales[kGroupBlock * kPanel];
  alignas(64) int32_t zeros[kGroupBlock * kPanel];
  std::memset(tile, 0, static_cast<size_t>(rows * kPanel) * sizeof(float));
  for (int64_t group = 0; group < weight.groups; group += kGroupBlock) {
    const int64_t groups = weight.groups - group < kGroupBlock ? weight.groups - group : kGroupBlock;
    load_group_numbers(weight, panel, group, groups, scales, zeros);
    for (int64_t r = 0; r < rows; r += kTileRows) {
      with_rows<kTileRows>(rows - r, [&](auto n) { f(n, row + r, group, groups, scales, zeros, tile + r * kPanel); });
    }
  }
  finish_quantised(task, row, rows, panel, tile);
}

template <class Tiles>
static void int8_by_group(const LinearTask& task) {
  const PackedLinear& weight = *task.weight;
  const QuantisedView& a = *task.quantised;
  const int64_t group_bytes = weight.quads * kPanel * 4;
  for_row_blocks(task, [&](int64_t row, int64_t rows) {
    for (int64_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
      const auto tiles = [&](auto n, int64_t first, int64_t group, int64_t groups, const float* scales,
                             const int32_t* zeros, float* tile) {
        constexpr int kRows = decltype(n)::value;
        for (int64_t g = 0; g < groups; ++g) {
          alignas(64) int32_t sums[kRows * kPanel] = {};
          Tiles::template int8<kRows, false>(a.values + first * a.stride + (group + g) * weight.group, a.stride,
                                             weight.values + (panel * weight.groups + group + g) * group_bytes,
                                             weight.quads, sums);
          const int64_t at = first * a.groups + group + g;
          add_group<kRows>(sums, zeros + g * kPanel, scales + g * kPanel, a.sums + at, a.scales + at, a.groups, tile);
        }
      };
      for_groups<Tiles::kInt8Rows>(task, row, rows, panel, tiles);
    }
  });
}

template <class Tiles>
static void run_int8(const LinearTask& task) {
  if (!task.weight->by_row) {
    int8_by_group<Tiles>(task);
  } else if (task.weight->narrow) {
    int8_by_row<Tiles, true>(task);
  } else {
    int8_by_row<Tiles, false>(task);
  }
}

template <class Tiles>
static void run_int4(const LinearTask& task) {
  const PackedLinear& weight = *task.weight;
  const QuantisedView& a = *task.quantised;
  const int64_t group_bytes = weight.quads * kPanel * 2;
  for_row_blocks(task, [&](int64_t row, int64_t rows) {
    for (int64_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
      const auto tiles = [&](auto n, int64_t first, int64_t group, int64_t groups, const float* scales,
                             const int32_t* zeros, float* tile) {
        constexpr int kRows = decltype(n)::value;
        for (int64_t g = 0; g < groups; ++g) {
          alignas(64) int32_t sums[kRows * kPanel] = {};
          Tiles::template int4<kRows>(a.values + first * a.stride + (group + g) * weight.group, a.stride,
                                      weight.values + (panel * weight.groups + group + g) * group_bytes, weight.quads,
                                      sums);
          const int64_t at = first * a.groups + group + g;
          add_group<kRows>(sums, zeros + g * kPanel, scales + g * kPanel, a.sums + at, a.scales + at, a.groups, tile);
        }
      };
      for_groups<Tiles::kInt4Rows>(task, row, rows, panel, tiles);
    }
  });
}

}  // namespace aerie::AERIE_ISA_NS
