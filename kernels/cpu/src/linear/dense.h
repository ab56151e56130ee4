// Dense products, f32 arithmetic: blocks of rows and of inputs are chosen so that weights come from the first cache and
// inputs from the second.
#pragma once

#include "linear/sparse.h"
#include "linear/tile.h"

namespace aerie::AERIE_ISA_NS {

#if defined(__AVX512F__)
constexpr int kDenseRows = 12;
#else
constexpr int kDenseRows = 6;
#endif
// Inputs whose weights are in the first cache: 24 KiB.
constexpr int64_t kDenseInputs = 384;
constexpr int64_t kDenseBlockRows = 96;
constexpr int64_t kDenseBlockPanels = 8;

template <LinearKind kKind>
static void dense_rows(const float* x, int64_t stride, const void* w, int64_t in, int64_t rows, float* tile) {
  for (int64_t r = 0; r < rows; r += kDenseRows) {
    with_rows<kDenseRows>(rows - r, [&](auto n) {
      dense_tile<decltype(n)::value, kKind>(x + r * stride, stride, w, in, tile + r * kPanel);
    });
  }
}

// [count][16], filled up to whole units, of a panel of 2:4 weights from input `k`, a multiple of 16, on.
static void spread_panel(const DensePanels& dense, int64_t panel, int64_t k, int64_t count, float* to) {
  constexpr int64_t kUnit = 4 * kSparseQuads;
  const int64_t unit = panel * ((dense.in + kUnit - 1) / kUnit) + k / kUnit;
  const int64_t units = (count + kUnit - 1) / kUnit;
  const uint8_t* const from = static_cast<const uint8_t*>(dense.values) + unit * sparse_unit_bytes(dense.kind);
  if (dense.kind == LinearKind::kF32) {
    spread_floats<LinearKind::kF32>(from, units, to);
  } else if (dense.kind == LinearKind::kF16) {
    spread_floats<LinearKind::kF16>(from, units, to);
  } else {
    spread_floats<LinearKind::kBf16>(from, units, to);
  }
}

// tile [rows][16] += x [rows, count] · a panel's weights from input `k` on. Those of 16 bits are made floats once if
// several tiles need them, and 2:4 ones always: k is a multiple of kDenseInputs then. `scratch` [kDenseInputs][16].
static void add_dense(const DensePanels& dense, int64_t panel, int64_t k, int64_t count, const float* x, int64_t stride,
                      int64_t rows, float* tile, float* scratch) {
  if (dense.sparse) {
    spread_panel(dense, panel, k, count, scratch);
    dense_rows<LinearKind::kF32>(x, stride, scratch, count, rows, tile);
    return;
  }
  const int64_t at = (panel * dense.in + k) * kPanel;
  if (dense.kind == LinearKind::kF32) {
    dense_rows<LinearKind::kF32>(x, stride, static_cast<const float*>(dense.values) + at, count, rows, tile);
    return;
  }
  const uint16_t* const halves = static_cast<const uint16_t*>(dense.values) + at;
  if (rows > kDenseRows) {
    widen(dense.kind, halves, count * kPanel, scratch);
    dense_rows<LinearKind::kF32>(x, stride, scratch, count, rows, tile);
  } else if (dense.kind == LinearKind::kF16) {
    dense_rows<LinearKind::kF16>(x, stride, halves, count, rows, tile);
  } else {
    dense_rows<LinearKind::kBf16>(x, stride, halves, count, rows, tile);
  }
}

// tile [rows][16] += low_rank · up, of rows from `row` on.
static void add_low_rank(const LinearTask& task, int64_t row, int64_t rows, int64_t panel, float* tile) {
  alignas(64) float scratch[kDenseInputs * kPanel];
  const int64_t rank = task.up->in;
  for (int64_t k = 0; k < rank; k += kDenseInputs) {
    const int64_t count = rank - k < kDenseInputs ? rank - k : kDenseInputs;
    add_dense(*task.up, panel, k, count, task.low_rank + row * rank + k, rank, rows, tile, scratch);
  }
}

// x [rows, count] from quantised rows, from input `k` on.
static void dequantise(const QuantisedView& from, int64_t row, int64_t rows, int64_t k, int64_t count, float* x) {
  for (int64_t r = 0; r < rows; ++r) {
    const int8_t* const values = from.values + (row + r) * from.stride;
    const float* const scales = from.scales + (row + r) * from.groups;
    for (int64_t i = 0; i < count; ++i) {
      x[r * count + i] = static_cast<float>(values[k + i]) * scales[(k + i) / from.group];
    }
  }
}

static void dense_block(const LinearTask& task, int64_t row, int64_t rows, int64_t panel, int64_t panels) {
  alignas(64) float tiles[kDenseBlockPanels * kDenseBlockRows * kPanel];
  alignas(64) float widened[kDenseInputs * kPanel];
  alignas(64) float floats[kDenseBlockRows * kDenseInputs];
  const DensePanels& dense = task.dense;
  std::memset(tiles, 0, static_cast<size_t>(panels * rows * kPanel) * sizeof(float));
  // One tile of rows reads each weight once: panel after panel as they lie, so that the processor foresees it.
  const bool is_whole = rows <= kDenseRows && task.x != nullptr && !dense.sparse;
  const int64_t block = is_whole ? dense.in : kDenseInputs;
  for (int64_t k = 0; k < dense.in; k += block) {
    const int64_t count = dense.in - k < block ? dense.in - k : block;
    const float* x = floats;
    int64_t stride = count;
    if (task.x != nullptr) {
      x = task.x + row * task.x_stride + k;
      stride = task.x_stride;
    } else {
      dequantise(*task.quantised, row, rows, k, count, floats);
    }
    for (int64_t p = 0; p < panels; ++p) {
      add_dense(dense, panel + p, k, count, x, stride, rows, tiles + p * rows * kPanel, widened);
    }
  }
  for (int64_t p = 0; p < panels; ++p) {
    float* const tile = tiles + p * rows * kPanel;
    if (task.up != nullptr) add_low_rank(task, row, rows, panel + p, tile);
    finish_tile(task, dense.out, row, rows, panel + p, tile);
  }
}

static void run_dense(const LinearTask& task) {
  for (int64_t row = task.row_begin; row < task.row_end; row += kDenseBlockRows) {
    const int64_t rows = task.row_end - row < kDenseBlockRows ? task.row_end - row : kDenseBlockRows;
    for (int64_t panel = task.panel_begin; panel < task.panel_end; panel += kDenseBlockPanels) {
      const int64_t left = task.panel_end - panel;
      dense_block(task, row, rows, panel, left < kDenseBlockPanels ? left : kDenseBlockPanels);
    }
  }
}

}  // namespace aerie::AERIE_ISA_NS
