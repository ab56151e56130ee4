// Products of quantised rows with int8 and int4 weights, whatever computes the tiles:
//
//   Tiles::kInt8Rows, kInt4Rows     most rows of a tile
//   Tiles::int8<rows, narrow>(a, stride, w, quads, ahead, sums)   sums [rows][16] += a · w, both as they are stored;
//                                   weights `ahead` bytes further on are fetched meanwhile
//   Tiles::int4<rows>(groups)                              tile += groups, see GroupTile
//   Tiles::kUnpacks                 whether int4 weights of several tiles are first made bytes for
//   Tiles::int4_unpacked<rows>(groups)
#pragma once

#include "linear/dense.h"

namespace aerie::AERIE_ISA_NS {

// Quads of int8 weights in the first cache: 16 KiB.
constexpr int64_t kInt8Quads = 256;
// Inputs of groups that are made ready at once: 16 KiB as bytes.
constexpr int64_t kGroupInputs = 1024;
constexpr int64_t kMostGroups = kGroupInputs / 16;
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
          const int64_t ahead = r == 0 && rows > 1 ? quads * kPanel * 4 : 0;
          with_rows<Tiles::kInt8Rows>(rows - r, [&](auto n) {
            Tiles::template int8<decltype(n)::value, kNarrow>(a.values + (row + r) * a.stride + quad * 4, a.stride,
                                                              w + quad * kPanel * 4, quads, ahead, sums + r * kPanel);
          });
        }
      }
      float scales[kPanel];
      int32_t zeros[kPanel];
      load_group_numbers(weight, panel, 0, 1, scales, zeros);
      fill_symmetric_zeros(weight, kPanel, zeros);
      std::memset(tile, 0, static_cast<size_t>(rows * kPanel) * sizeof(float));
      for (int64_t r = 0; r < rows; ++r) {
        add_group<1>(sums + r * kPanel, zeros, scales, a.sums + row + r, a.scales + row + r, 1, tile + r * kPanel);
      }
      finish_quantised(task, row, rows, panel, tile);
    }
  });
}

// Some rows times neighbouring groups of a panel.
struct GroupTile {
  // [rows, groups · group], rows `stride` bytes apart.
  const int8_t* a;
  int64_t stride;
  // [rows, groups], rows `row_groups` apart.
  const int32_t* row_sums;
  const float* row_scales;
  int64_t row_groups;
  // As packed, or [groups][quads][16][4] bytes where int4 is unpacked.
  const uint8_t* w;
  int64_t groups;
  int64_t group;
  int64_t quads;
  // The weights that will be read after these, to be fetched meanwhile; or null, as for one row, whose speed is the
  // memory's in any case.
  const uint8_t* next;
  // [groups][16]
  const float* scales;
  const int32_t* zeros;
  // [rows][16]
  float* tile;
};

// Group after group: sums [rows][16] by dot(a, w, sums), then what they stand for is added to the tile.
template <int kRows, typename Dot>
AERIE_INLINE void add_groups(const GroupTile& t, int64_t group_bytes, Dot&& dot) {
  for (int64_t g = 0; g < t.groups; ++g) {
    alignas(64) int32_t sums[kRows * kPanel] = {};
    dot(t.a + g * t.group, t.w + g * group_bytes, sums);
    add_group<kRows>(sums, t.zeros + g * kPanel, t.scales + g * kPanel, t.row_sums + g, t.row_scales + g, t.row_groups,
                     t.tile);
  }
}

// int4 groups as bytes: `pairs` of quads.
static void unpack_int4(const uint8_t* from, int64_t pairs, uint8_t* to) {
  // By pointers of this type: compilers copy larger vectors piece by piece.
  typedef uint8_t Bytes __attribute__((vector_size(32), aligned(1), may_alias));
  constexpr int64_t kBytes = sizeof(Bytes);
  for (int64_t i = 0; i < pairs; ++i, from += kPanel * 4, to += kPanel * 8) {
    for (int64_t half = 0; half < kPanel * 4; half += kBytes) {
      const Bytes both = *reinterpret_cast<const Bytes*>(from + half);
      *reinterpret_cast<Bytes*>(to + half) = both & 15;
      *reinterpret_cast<Bytes*>(to + kPanel * 4 + half) = both >> 4;
    }
  }
}

// All groups of the task's panels, tile by tile; kInt4 or int8.
template <class Tiles, bool kInt4>
static void groups_of_task(const LinearTask& task) {
  constexpr int kTileRows = kInt4 ? Tiles::kInt4Rows : Tiles::kInt8Rows;
  const PackedLinear& weight = *task.weight;
  const QuantisedView& a = *task.quantised;
  const int64_t group_bytes = weight.quads * kPanel * (kInt4 ? 2 : 4);
  for_row_blocks(task, [&](int64_t row, int64_t rows) {
    alignas(64) float tile[kBlockRows * kPanel];
    alignas(64) float scales[kMostGroups * kPanel];
    alignas(64) int32_t zeros[kMostGroups * kPanel];
    alignas(64) uint8_t unpacked[kInt4 && Tiles::kUnpacks ? kGroupInputs * kPanel : 1];
    // Of two tiles each does it again in less time than it takes to write and read the bytes.
    const bool unpacks = kInt4 && Tiles::kUnpacks && rows > 2 * kTileRows;
    const int64_t most_groups = kGroupInputs / weight.group;
    if (weight.zeros == nullptr) {
      fill_symmetric_zeros(weight, (weight.groups < most_groups ? weight.groups : most_groups) * kPanel, zeros);
    }
    for (int64_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
      std::memset(tile, 0, static_cast<size_t>(rows * kPanel) * sizeof(float));
      for (int64_t group = 0; group < weight.groups; group += most_groups) {
        GroupTile t;
        t.stride = a.stride;
        t.row_groups = a.groups;
        t.groups = weight.groups - group < most_groups ? weight.groups - group : most_groups;
        t.group = weight.group;
        t.quads = weight.quads;
        t.w = weight.values + (panel * weight.groups + group) * group_bytes;
        t.scales = scales;
        t.zeros = zeros;
        const uint8_t* const next = t.w + t.groups * group_bytes;
        load_group_numbers(weight, panel, group, t.groups, scales, zeros);
        if constexpr (kInt4 && Tiles::kUnpacks) {
          if (unpacks) {
            unpack_int4(t.w, t.groups * t.quads / 2, unpacked);
            t.w = unpacked;
          }
        }
        for (int64_t r = 0; r < rows; r += kTileRows) {
          const int64_t at = (row + r) * a.groups + group;
          t.a = a.values + (row + r) * a.stride + group * weight.group;
          t.row_sums = a.sums + at;
          t.row_scales = a.scales + at;
          t.tile = tile + r * kPanel;
          t.next = r == 0 && rows > 1 ? next : nullptr;
          const int64_t ahead = r == 0 && rows > 1 ? t.groups * group_bytes : 0;
          with_rows<kTileRows>(rows - r, [&](auto n) {
            constexpr int kRows = decltype(n)::value;
            if constexpr (!kInt4) {
              add_groups<kRows>(t, group_bytes, [&](const int8_t* values, const uint8_t* w, int32_t* sums) {
                Tiles::template int8<kRows, false>(values, t.stride, w, t.quads, ahead, sums);
              });
            } else if constexpr (Tiles::kUnpacks) {
              if (unpacks) {
                Tiles::template int4_unpacked<kRows>(t);
              } else {
                Tiles::template int4<kRows>(t);
              }
            } else {
              Tiles::template int4<kRows>(t);
            }
          });
        }
      }
      finish_quantised(task, row, rows, panel, tile);
    }
  });
}

template <class Tiles>
static void run_int8(const LinearTask& task) {
  if (!task.weight->by_row) {
    groups_of_task<Tiles, false>(task);
  } else if (task.weight->narrow) {
    int8_by_row<Tiles, true>(task);
  } else {
    int8_by_row<Tiles, false>(task);
  }
}

template <class Tiles>
static void run_int4(const LinearTask& task) {
  groups_of_task<Tiles, true>(task);
}

}  // namespace aerie::AERIE_ISA_NS
