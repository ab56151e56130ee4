// Products of quantised rows with int8, int6 and int4 weights, whatever computes the tiles:
//
//   Tiles::kInt8Rows, kGroupRows    most rows of a tile, of weights by row and in groups
//   Tiles::int8<rows, narrow>(a, stride, w, quads, ahead, sums)   sums [rows][16] += a · (w − offset), both as they are
//                                   stored; weights `ahead` bytes further on are fetched meanwhile
//   Tiles::offset(narrow)           what int8 weights are multiplied less, and so their zero points are, too
//   Tiles::groups<rows, form>(tile) tile += groups, see GroupTile; of kBytes8 less offset(false)
//   Tiles::kUnpacks                 whether int4 weights of several tiles are first made bytes for them
#pragma once

#include "linear/dense.h"

namespace aerie::AERIE_ISA_NS {

// Quads of int8 weights in the first cache: 16 KiB.
constexpr int64_t kInt8Quads = 256;
// Inputs of groups that are made ready at once: 16 KiB as bytes.
constexpr int64_t kGroupInputs = 1024;
constexpr int64_t kMostGroups = kGroupInputs / 16;
constexpr int64_t kBlockRows = 96;
// Bytes of weights between what one row is multiplied with and what is fetched meanwhile: the processor's own guesses
// end at each page.
constexpr int64_t kAhead = 1536;

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

// Bytes of `quads` of a panel's quads.
AERIE_INLINE int64_t bytes_of_quads(const PackedLinear& weight, int64_t quads) {
  return weight.sparse ? quads / kSparseQuads * sparse_unit_bytes(weight.kind) : quads * quad_bytes(weight.kind);
}

template <class Tiles, bool kNarrow>
static void int8_by_row(const LinearTask& task) {
  const PackedLinear& weight = *task.weight;
  const QuantisedView& a = *task.quantised;
  for_row_blocks(task, [&](int64_t row, int64_t rows) {
    for (int64_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
      alignas(64) int32_t sums[kBlockRows * kPanel];
      alignas(64) float tile[kBlockRows * kPanel];
      alignas(64) uint8_t bytes[kInt8Quads * kPanel * 4];
      int32_t zeros[kPanel];
      fill_symmetric_zeros(weight, kPanel, Tiles::offset(kNarrow), zeros);
      std::memset(sums, 0, static_cast<size_t>(rows * kPanel) * sizeof(int32_t));
      const uint8_t* const w = weight.values + panel * bytes_of_quads(weight, weight.quads);
      for (int64_t quad = 0; quad < weight.quads; quad += kInt8Quads) {
        const int64_t quads = weight.quads - quad < kInt8Quads ? weight.quads - quad : kInt8Quads;
        const uint8_t* part = w + bytes_of_quads(weight, quad);
        if (weight.sparse) {
          spread_bytes<LinearKind::kInt8>(part, quads, zeros, Tiles::offset(kNarrow), kAhead, bytes);
          part = bytes;
        }
        for (int64_t r = 0; r < rows; r += Tiles::kInt8Rows) {
          const int64_t ahead = weight.sparse ? 0 : rows == 1 ? kAhead : r == 0 ? quads * kPanel * 4 : 0;
          with_rows<Tiles::kInt8Rows>(rows - r, [&](auto n) {
            Tiles::template int8<decltype(n)::value, kNarrow>(a.values + (row + r) * a.stride + quad * 4, a.stride,
                                                              part, quads, ahead, sums + r * kPanel);
          });
        }
      }
      float scales[kPanel];
      load_group_numbers(weight, panel, 0, 1, 0, scales, zeros, nullptr);
      std::memset(tile, 0, static_cast<size_t>(rows * kPanel) * sizeof(float));
      for (int64_t r = 0; r < rows; ++r) {
        add_group<1>(sums + r * kPanel, zeros, scales, a.sums + row + r, a.scales + row + r, 1, tile + r * kPanel);
      }
      finish_quantised(task, row, rows, panel, tile);
    }
  });
}

// How the weights of a GroupTile lie: int4 as it is packed, or [groups][quads][16][4] bytes of at most 15, 63 and 255.
enum class Form { kNibbles, kBytes4, kBytes6, kBytes8 };

// Bytes of 4 inputs and 16 outputs.
constexpr int64_t quad_bytes(Form form) { return form == Form::kNibbles ? 32 : 64; }

// Some rows times neighbouring groups of a panel.
struct GroupTile {
  // [rows, groups · group], rows `stride` bytes apart.
  const int8_t* a;
  int64_t stride;
  // [rows, groups], rows `row_groups` apart.
  const int32_t* row_sums;
  const float* row_scales;
  int64_t row_groups;
  const uint8_t* w;
  int64_t groups;
  int64_t group;
  int64_t quads;
  // The weights that will be read after these, `next_bytes` for each group, to be fetched meanwhile; or null, as for
  // one row, which fetches what is kAhead of it.
  const uint8_t* next;
  int64_t next_bytes;
  // [groups][16]
  const float* scales;
  const int32_t* zeros;
  // [rows][16]
  float* tile;
};

// Group after group: sums [rows][16] by dot(a, w, sums), then what they stand for is added to the tile.
template <int kRows, Form kForm, typename Dot>
AERIE_INLINE void add_groups(const GroupTile& t, Dot&& dot) {
  for (int64_t g = 0; g < t.groups; ++g) {
    alignas(64) int32_t sums[kRows * kPanel] = {};
    dot(t.a + g * t.group, t.w + g * t.quads * quad_bytes(kForm), sums);
    add_group<kRows>(sums, t.zeros + g * kPanel, t.scales + g * kPanel, t.row_sums + g, t.row_scales + g, t.row_groups,
                     t.tile);
  }
}

// By pointers of this type: compilers copy larger vectors piece by piece.
typedef uint8_t Bytes __attribute__((vector_size(4 * kLanes), aligned(1), may_alias));

AERIE_INLINE Bytes load_unsigned(const uint8_t* p) { return *reinterpret_cast<const Bytes*>(p); }

AERIE_INLINE void store_unsigned(uint8_t* p, Bytes bytes) { *reinterpret_cast<Bytes*>(p) = bytes; }

// int4 or int6 as bytes: `quads`, a multiple of 2 or of 4.
template <LinearKind kKind>
static void unpack(const uint8_t* from, int64_t quads, uint8_t* to) {
  constexpr int64_t kQuad = kPanel * 4;
  constexpr int64_t kStep = sizeof(Bytes);
  if constexpr (kKind == LinearKind::kInt4) {
    for (int64_t i = 0; i < quads; i += 2, from += kQuad, to += 2 * kQuad) {
      for (int64_t at = 0; at < kQuad; at += kStep) {
        const Bytes both = load_unsigned(from + at);
        store_unsigned(to + at, both & 15);
        store_unsigned(to + kQuad + at, both >> 4);
      }
    }
  } else {
    for (int64_t i = 0; i < quads; i += 4, from += 3 * kQuad, to += 4 * kQuad) {
      for (int64_t at = 0; at < kQuad; at += kStep) {
        const Bytes first = load_unsigned(from + at);
        const Bytes second = load_unsigned(from + kQuad + at);
        const Bytes upper = load_unsigned(from + 2 * kQuad + at);
        store_unsigned(to + at, (first & 15) | (upper << 4 & 48));
        store_unsigned(to + kQuad + at, first >> 4 | (upper << 2 & 48));
        store_unsigned(to + 2 * kQuad + at, (second & 15) | (upper & 48));
        store_unsigned(to + 3 * kQuad + at, second >> 4 | (upper >> 2 & 48));
      }
    }
  }
}

// tile [rows][16] += the sums of the rows' groups from `group` on · minimums [count][16].
static void add_minimums(const QuantisedView& a, int64_t row, int64_t rows, int64_t group, int64_t count,
                         const float* minimums, float* tile) {
  alignas(64) float sums[kBlockRows * kMostGroups];
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t at = (row + r) * a.groups + group;
    for (int64_t g = 0; g < count; ++g) sums[r * count + g] = static_cast<float>(a.sums[at + g]) * a.scales[at + g];
  }
  dense_rows<LinearKind::kF32>(sums, count, minimums, count, rows, tile);
}

// All groups of the task's panels, tile by tile.
template <class Tiles, LinearKind kKind>
static void groups_of_task(const LinearTask& task) {
  constexpr int kTileRows = Tiles::kGroupRows;
  constexpr Form kUnpacked = kKind == LinearKind::kInt4   ? Form::kBytes4
                             : kKind == LinearKind::kInt6 ? Form::kBytes6
                                                          : Form::kBytes8;
  constexpr int32_t kOffset = kKind == LinearKind::kInt8 ? Tiles::offset(false) : 0;
  const PackedLinear& weight = *task.weight;
  const QuantisedView& a = *task.quantised;
  const int64_t group_bytes = bytes_of_quads(weight, weight.quads);
  for_row_blocks(task, [&](int64_t row, int64_t rows) {
    alignas(64) float tile[kBlockRows * kPanel];
    alignas(64) float scales[kMostGroups * kPanel];
    alignas(64) float minimums[kMostGroups * kPanel];
    alignas(64) int32_t zeros[kMostGroups * kPanel];
    alignas(64) uint8_t unpacked[kGroupInputs * kPanel];
    // Of two tiles each does it again in less time than it takes to write and read the bytes.
    const bool unpacks = weight.sparse || kKind == LinearKind::kInt6 ||
                         (kKind == LinearKind::kInt4 && Tiles::kUnpacks && rows > 2 * kTileRows);
    const int64_t most_groups = kGroupInputs / weight.group;
    if (weight.zeros == nullptr) {
      const int64_t filled = weight.groups < most_groups ? weight.groups : most_groups;
      fill_symmetric_zeros(weight, filled * kPanel, kOffset, zeros);
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
        t.next_bytes = group_bytes;
        const uint8_t* const next = t.w + t.groups * group_bytes;
        load_group_numbers(weight, panel, group, t.groups, kOffset, scales, zeros, minimums);
        if (weight.minimums != nullptr) add_minimums(a, row, rows, group, t.groups, minimums, tile);
        if (weight.sparse) {
          if constexpr (kKind != LinearKind::kInt6) {
            for (int64_t g = 0; g < t.groups; ++g) {
              spread_bytes<kKind>(t.w + g * group_bytes, t.quads, zeros + g * kPanel, kOffset, kAhead,
                                  unpacked + g * t.quads * kPanel * 4);
            }
          }
          t.w = unpacked;
        } else if constexpr (kKind != LinearKind::kInt8) {
          if (unpacks) {
            unpack<kKind>(t.w, t.groups * t.quads, unpacked);
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
          with_rows<kTileRows>(rows - r, [&](auto n) {
            constexpr int kRows = decltype(n)::value;
            if constexpr (kKind == LinearKind::kInt4) {
              if (!unpacks) return Tiles::template groups<kRows, Form::kNibbles>(t);
            }
            Tiles::template groups<kRows, kUnpacked>(t);
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
    groups_of_task<Tiles, LinearKind::kInt8>(task);
  } else if (task.weight->narrow) {
    int8_by_row<Tiles, true>(task);
  } else {
    int8_by_row<Tiles, false>(task);
  }
}

template <class Tiles>
static void run_int6(const LinearTask& task) {
  groups_of_task<Tiles, LinearKind::kInt6>(task);
}

template <class Tiles>
static void run_int4(const LinearTask& task) {
  groups_of_task<Tiles, LinearKind::kInt4>(task);
}

}  // namespace aerie::AERIE_ISA_NS
